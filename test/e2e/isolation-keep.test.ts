/** `onIsolation: keep`: it runs on without a control plane, and is recovered only after a person's word. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { profiles } from "../../src/core/model/times.ts";
import { signalAll } from "../../src/demo/processes.ts";
import { startTestCluster, value } from "./harness/cluster.ts";
import { probe } from "./harness/probe-service.ts";
import { holdsFor, waitFor } from "./harness/wait.ts";

const { ttlMs } = profiles.fast;
const keep = { fields: { onIsolation: "keep" } } as const;

test("a kept service outlives its agent's lease and waits in fence until its node is confirmed off", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t);
  const id = "process:kept";
  await cluster.add(probe(cluster, id, keep));
  const { node = "" } = await cluster.runs(id);
  await cluster.add(probe(cluster, "process:plain", { fields: { node } }));
  await cluster.runs("process:plain");
  await cluster.copies(id, 1);
  await cluster.copies("process:plain", 1);

  // The agent sleeps: its guard acts at the deadline, on the plain service only.
  cluster.signal(node, "SIGSTOP");
  await cluster.runsElsewhere("process:plain", node);
  await cluster.becomes(id, ({ state }) => state === "fence");
  await holdsFor("it runs on, and nowhere else", ttlMs, () => {
    return cluster.isBeating(id, 1_000) && cluster.lives(id).length === 1;
  });
  const why = value(await cluster.client.why(id));
  assert.ok(
    why.next.some((line) => /confirm-off/.test(line)),
    `next: ${why.next.join("; ")}`,
  );

  // Now the node is really dead, and a person says so.
  signalAll(cluster.processesOf(node), "SIGKILL");
  await waitFor("the node to be dead", 5_000, () => cluster.processesOf(node).length === 0);
  value(await cluster.client.confirmOff(node));
  await cluster.runsElsewhere(id, node);
  await cluster.copies(id, 2);
  cluster.assertNeverTwice();
});

test("a kept service is taken as it is when its agent comes back under a new epoch", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes: ["node1", "node2"] });
  const id = "process:kept";
  await cluster.add(probe(cluster, id, keep));
  const { node = "" } = await cluster.runs(id);
  const { epoch } = await cluster.nodeBecomes(node, ({ leased }) => leased);
  await cluster.copies(id, 1);

  cluster.signal(node, "SIGSTOP");
  await cluster.becomes(id, ({ state }) => state === "fence");
  cluster.signal(node, "SIGCONT");

  await cluster.nodeBecomes(node, (is) => is.leased && is.epoch > epoch);
  const after = await cluster.runs(id);
  assert.equal(after.node, node);
  assert.equal(cluster.lives(id).length, 1, "the same process all the time");
  assert.equal(cluster.isBeating(id, 1_000), true);
});

test("POST /v1/nodes/:id/confirm-off is refused while the node holds its lease", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes: ["node1"] });
  const answer = await cluster.client.confirmOff("node1");
  assert.equal(answer.ok, false);
  const node = await cluster.nodeBecomes("node1", () => true);
  assert.equal(node.state, "online");
  assert.ok(node.confirmedOffEpoch < node.epoch);
});
