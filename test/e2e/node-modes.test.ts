/** Real processes: a node is disabled, flushed, put offline, loses its lease meanwhile, and is enabled again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { profiles } from "../../src/core/model/times.ts";
import type { NodeModeRequest } from "../../src/wire/api.ts";
import { startTestCluster, type TestCluster, value } from "./harness/cluster.ts";
import { probe } from "./harness/probe-service.ts";
import { holdsFor } from "./harness/wait.ts";

const { ttlMs } = profiles.balanced;

async function order(cluster: TestCluster, node: string, said: NodeModeRequest["order"]) {
  return value(await cluster.client.orderNode(node, said));
}

test("disable, flush, offline and enable with two agents: moved as asked, left alone as asked, never twice", {
  timeout: 90_000,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes: ["node1", "node2"], profile: "balanced" });
  await cluster.add(probe(cluster, "process:a", { fields: { node: "node1" } }));
  await cluster.becomes("process:a", (s) => s.node === "node1" && s.running === "running");

  await order(cluster, "node1", "disable");
  await cluster.add(probe(cluster, "process:b", { fields: { node: "node1" } }));
  await cluster.becomes("process:b", (s) => s.node === "node2" && s.running === "running");
  assert.equal((await cluster.copies("process:a", 1)).length, 1, "what runs there is not touched");

  const { staying } = await order(cluster, "node1", "flush");
  assert.deepEqual(staying, []);
  await cluster.becomes("process:a", (s) => s.node === "node2" && s.running === "running");
  await order(cluster, "node1", "enable");

  await order(cluster, "node2", "offline");
  await cluster.powerOff("node2");
  await cluster.nodeBecomes("node2", ({ leased }) => !leased);
  await holdsFor("nothing is recovered from a node that is offline", ttlMs, async () => {
    const { node, state } = await cluster.service("process:a");
    return node === "node2" && state === "started";
  });

  await order(cluster, "node2", "enable");
  await cluster.runsElsewhere("process:a", "node2");
  await cluster.runsElsewhere("process:b", "node2");
  cluster.assertNeverTwice();
});

test("an offline node that comes back is left alone until it is enabled, then goes on where it was", {
  timeout: 90_000,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes: ["node1", "node2"], profile: "balanced" });
  await cluster.add(probe(cluster, "process:a", { fields: { node: "node1" } }));
  await cluster.becomes("process:a", (s) => s.node === "node1" && s.running === "running");
  await cluster.copies("process:a", 1);
  const before = await cluster.status();
  const epoch = before.nodes.find(({ id }) => id === "node1")?.epoch ?? 0;

  await order(cluster, "node1", "offline");
  await cluster.powerOff("node1");
  await cluster.nodeBecomes("node1", ({ leased }) => !leased);
  cluster.startAgent("node1");
  await cluster.nodeBecomes("node1", (node) => node.leased && node.epoch > epoch);
  const { uid } = await cluster.service("process:a");
  await holdsFor("nobody starts what is on it", 1_000, async () => {
    return (await cluster.service("process:a")).uid === uid && !cluster.isBeating("process:a");
  });

  await order(cluster, "node1", "enable");
  const again = await cluster.becomes("process:a", (s) => s.uid !== uid && s.running === "running");
  assert.equal(again.node, "node1");
  assert.equal((await cluster.copies("process:a", 2)).length, 2);
  cluster.assertNeverTwice();
});
