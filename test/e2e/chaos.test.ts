/**
 * Random faults on a cluster of real processes, one after the other and on top of each other: whatever happens, no
 * service ever runs twice, and once the faults end every service runs. HOLDFAST_SEED repeats a run's choices,
 * HOLDFAST_CHAOS_SECONDS makes it longer.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { signalAll } from "../../src/demo/processes.ts";
import { isRunning, startTestCluster, type TestCluster } from "./harness/cluster.ts";
import { probe } from "./harness/probe-service.ts";
import { waitFor } from "./harness/wait.ts";

const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000);
const seconds = Number(process.env["HOLDFAST_CHAOS_SECONDS"] ?? 30);
const ids = ["process:a", "process:b", "process:c", "process:d"];
const nodes = ["node1", "node2", "node3"] as const;

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What is wrong with the cluster at the moment, and how it is put right. */
class Chaos {
  readonly story: string[] = [];
  readonly #cluster: TestCluster;
  readonly #random: () => number;
  /** Nodes and the server that have no agent or server process now, or a stopped one, with what mends that. */
  readonly #broken = new Map<string, () => void>();
  readonly #beganAtMs = performance.now();

  constructor(cluster: TestCluster, random: () => number) {
    this.#cluster = cluster;
    this.#random = random;
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[Math.floor(this.#random() * from.length)];
    assert(picked !== undefined, "there is something to pick from");
    return picked;
  }

  async act(): Promise<void> {
    const victim = this.pick([...nodes, "server"]);
    if (this.#broken.has(victim)) this.#mend(victim);
    else if (victim === "server") await this.#breakServer();
    else await this.#breakNode(victim);
    await this.#order();
    await sleep(this.#random() * 2_500);
  }

  mendAll(): void {
    for (const name of [...this.#broken.keys()]) this.#mend(name);
  }

  #tell(what: string): void {
    const atMs = Math.round(performance.now() - this.#beganAtMs);
    this.story.push(`${atMs} ms: ${what}`);
  }

  #mend(name: string): void {
    this.#tell(`${name} is mended`);
    this.#broken.get(name)?.();
    this.#broken.delete(name);
  }

  async #breakServer(): Promise<void> {
    const signal = this.pick(["SIGKILL", "SIGTERM"] as const);
    this.#tell(`server: ${signal}`);
    await this.#cluster.end("server", signal);
    this.#broken.set("server", () => this.#cluster.startServer());
  }

  async #breakNode(node: string): Promise<void> {
    const cluster = this.#cluster;
    const kind = this.pick(["power", "agent", "guard", "both", "pause", "restart"] as const);
    this.#tell(`${node}: ${kind}`);
    const agent = cluster.pidOf(node);
    const all = cluster.processesOf(node);
    const guards = all.filter(({ commandLine }) => /guard\.js /.test(commandLine));
    const agents = all.filter(({ pid }) => pid === agent);
    const startAgain = (): void => cluster.startAgent(node);
    switch (kind) {
      case "power":
        signalAll(cluster.processesOf(node), "SIGKILL");
        this.#broken.set(node, startAgain);
        return;
      case "agent":
        signalAll(agents, "SIGKILL");
        this.#broken.set(node, startAgain);
        return;
      case "guard":
        signalAll(guards, "SIGKILL");
        return;
      case "both":
        signalAll([...agents, ...guards], "SIGKILL");
        this.#broken.set(node, startAgain);
        return;
      case "pause":
        signalAll(agents, "SIGSTOP");
        this.#broken.set(node, () => signalAll(agents, "SIGCONT"));
        return;
      case "restart":
        await cluster.end(node, "SIGTERM");
        this.#broken.set(node, startAgain);
        return;
    }
  }

  /** People go on working meanwhile; whether the cluster can do it now is another matter. */
  async #order(): Promise<void> {
    const id = this.pick(ids);
    const kind = this.pick(["migrate", "relocate", "stop", "start", "nothing"] as const);
    if (kind === "nothing") return;
    this.#tell(`${id}: ${kind}`);
    const { client } = this.#cluster;
    if (kind === "start") await client.changeService(id, { state: "started" });
    else if (kind === "stop") await client.command(id, { command: "stop" });
    else await client.command(id, { command: kind, target: this.pick(nodes) });
  }
}

test(`random faults for ${seconds} s (HOLDFAST_SEED=${seed}): never twice, and all run in the end`, {
  timeout: (seconds + 120) * 1_000,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes });
  for (const id of ids) await cluster.add(probe(cluster, id, { fields: { maxRestart: 100 } }));
  for (const id of ids) await cluster.runs(id);
  const chaos = new Chaos(cluster, randomFrom(seed));
  try {
    const endAtMs = performance.now() + seconds * 1_000;
    while (performance.now() < endAtMs) {
      await chaos.act();
      cluster.assertNeverTwice();
    }
    chaos.mendAll();
    for (const node of nodes) await cluster.nodeBecomes(node, ({ leased }) => leased, 30_000);
    await Promise.all(ids.map((id) => runsInTheEnd(cluster, id)));
    for (const id of ids) await cluster.copies(id, 1);
    cluster.assertNeverTwice();
  } catch (error) {
    throw new Error(`${String(error)}\n${chaos.story.join("\n")}`, { cause: error });
  }
});

/** A stop that was ordered while the service moved is carried out after the move, and after an order to start it. */
async function runsInTheEnd(cluster: TestCluster, id: string): Promise<void> {
  let last = "never answered";
  await waitFor(`${id} to run`, 30_000, async () => {
    const answer = await cluster.client.service(id);
    last = answer.ok ? JSON.stringify(answer.value) : answer.error.message;
    if (!answer.ok) return false;
    if (answer.value.requested === "started") return isRunning(answer.value);
    const asked = await cluster.client.changeService(id, { state: "started" });
    if (!asked.ok) last = asked.error.message;
    return false;
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}; last seen: ${last}`);
  });
}
