/**
 * One scenario of network.test.ts, inside a network namespace that is the server's host: three more are the nodes',
 * each with a cable of its own to the server. Argument: which direction of one node's cable is cut.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { profiles } from "../../src/core/model/times.ts";
import { startTestCluster } from "./harness/cluster.ts";
import { type Holder, holdNamespace } from "./harness/namespace.ts";
import { probe } from "./harness/probe-service.ts";
import { holdsFor } from "./harness/wait.ts";

const port = 7440;
const nodes = ["node1", "node2", "node3"] as const;
/** Nobody has it: what is sent there is lost in silence, in this direction only. */
const nobodysAddress = "02:00:00:00:00:99";

type Direction = "both" | "to-server" | "from-server";

/** A point-to-point cable between the server's host and a node's. */
interface Cable {
  readonly host: Holder;
  readonly serverEnd: string;
  readonly serverAddress: string;
  readonly nodeAddress: string;
}

const cables = new Map<string, Cable>();

function ip(words: string, host?: Holder): void {
  const [file = "", ...rest] = [...(host?.enter ?? []), "ip", ...words.split(" ")];
  execFileSync(file, rest, { stdio: ["ignore", "ignore", "inherit"] });
}

async function layCable(node: string, index: number): Promise<void> {
  const host = await holdNamespace("net", "ip link set lo up");
  const cable: Cable = {
    host,
    serverEnd: `to-${node}`,
    serverAddress: `10.77.${index}.1`,
    nodeAddress: `10.77.${index}.2`,
  };
  ip(`link add ${cable.serverEnd} type veth peer name up0 netns ${host.pid}`);
  ip(`addr add ${cable.serverAddress}/30 dev ${cable.serverEnd}`);
  ip(`link set ${cable.serverEnd} up`);
  ip(`addr add ${cable.nodeAddress}/30 dev up0`, host);
  ip("link set up0 up", host);
  cables.set(node, cable);
}

function cableOf(node: string): Cable {
  const cable = cables.get(node);
  assert(cable !== undefined);
  return cable;
}

function cut(node: string, direction: Direction): void {
  const { host, serverEnd, serverAddress, nodeAddress } = cableOf(node);
  const lost = `lladdr ${nobodysAddress} nud permanent`;
  if (direction === "both") ip(`link set ${serverEnd} down`);
  if (direction === "to-server") ip(`neigh replace ${serverAddress} dev up0 ${lost}`, host);
  if (direction === "from-server") ip(`neigh replace ${nodeAddress} dev ${serverEnd} ${lost}`);
}

function mend(node: string, direction: Direction): void {
  const { host, serverEnd, serverAddress, nodeAddress } = cableOf(node);
  if (direction === "both") ip(`link set ${serverEnd} up`);
  if (direction === "to-server") ip(`neigh del ${serverAddress} dev up0`, host);
  if (direction === "from-server") ip(`neigh del ${nodeAddress} dev ${serverEnd}`);
}

async function scenario(direction: Direction, ends: (() => Promise<void>)[]): Promise<void> {
  ip("link set lo up");
  for (const [index, node] of nodes.entries()) await layCable(node, index);
  const scope = {
    after: (end: () => Promise<void>) => ends.push(end),
    diagnostic: (line: string) => console.log(line),
  };
  const cluster = await startTestCluster(scope, {
    nodes,
    listen: `0.0.0.0:${port}`,
    urlFor: (name) => {
      const host = name === undefined ? "127.0.0.1" : cableOf(name).serverAddress;
      return `http://${host}:${port}`;
    },
    enter: (name) => cables.get(name)?.host.enter ?? [],
  });
  try {
    await cluster.add(probe(cluster, "process:a", { fields: { node: "node1" } }));
    await cluster.add(probe(cluster, "process:b", { fields: { node: "node2" } }));
    await cluster.runs("process:a");
    await cluster.runs("process:b");
    for (const id of ["process:a", "process:b"]) await cluster.copies(id, 1);
    const { epoch } = await cluster.nodeBecomes("node1", ({ leased }) => leased);

    cut("node1", direction);
    const cutAtMs = performance.now();
    await cluster.runsElsewhere("process:a", "node1");
    const failoverMs = performance.now() - cutAtMs;
    assert.ok(failoverMs <= profiles.fast.ttlMs + 3_000, `failover took ${failoverMs} ms`);
    await cluster.copies("process:a", 2);
    await holdsFor("nothing more happens while it is cut off", 1_500, () => {
      return cluster.lives("process:a").length === 2 && cluster.isBeating("process:b", 1_000);
    });

    mend("node1", direction);
    await cluster.nodeBecomes("node1", (is) => is.state === "online" && is.epoch > epoch, 30_000);
    await holdsFor("the returned node starts nothing", 1_000, () => {
      return cluster.lives("process:a").length === 2;
    });
    assert.equal(cluster.lives("process:b").length, 1, "the other service was never touched");
    cluster.assertNeverTwice();
    console.log(`${direction}: recovered ${Math.round(failoverMs)} ms after the cut`);
  } catch (error: unknown) {
    for (const line of cluster.logTails()) console.log(line);
    throw error;
  }
}

async function main(): Promise<void> {
  const [direction] = process.argv.slice(2);
  assert(direction === "both" || direction === "to-server" || direction === "from-server");
  const ends: (() => Promise<void>)[] = [];
  try {
    await scenario(direction, ends);
  } finally {
    for (const end of ends) await end();
    for (const { host } of cables.values()) host.end();
  }
}

await main();
