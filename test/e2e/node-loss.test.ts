/** A node, or only its agent or guard, is lost: its services run elsewhere, and never twice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { profiles } from "../../src/core/model/times.ts";
import { signalAll } from "../../src/demo/processes.ts";
import { startTestCluster } from "./harness/cluster.ts";
import { probe } from "./harness/probe-service.ts";
import { waitFor } from "./harness/wait.ts";

const { ttlMs } = profiles.fast;
/** Over the lease's time: for deciding, starting and a machine that is busy with other tests. */
const slackMs = 3_000;

test("SIGKILL of a whole node: its services run elsewhere after the lease, and never twice", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t);
  for (const name of ["a", "b", "c"]) await cluster.add(probe(cluster, `process:${name}`));
  for (const name of ["a", "b", "c"]) await cluster.runs(`process:${name}`);
  const { node = "" } = await cluster.service("process:a");
  await cluster.copies("process:a", 1);

  const killedAtMs = await cluster.powerOff(node);
  const service = await cluster.runsElsewhere("process:a", node);
  const failoverMs = performance.now() - killedAtMs;

  assert.ok(failoverMs <= ttlMs + slackMs, `failover took ${failoverMs} ms`);
  assert.equal((await cluster.copies("process:a", 2)).length, 2, "one copy before, one after");
  assert.notEqual(service.node, node);
  for (const name of ["b", "c"]) await cluster.runs(`process:${name}`);
  await cluster.nodeBecomes(node, ({ leased, services }) => !leased && services.length === 0);

  cluster.startAgent(node);
  await cluster.nodeBecomes(node, ({ state }) => state === "online");
  assert.equal((await cluster.service("process:a")).node, service.node, "it stays where it is");
  cluster.assertNeverTwice();
});

test("SIGKILL of two of three nodes: everything runs on the last one", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t);
  const ids = ["a", "b", "c", "d"].map((name) => `process:${name}`);
  for (const id of ids) await cluster.add(probe(cluster, id));
  for (const id of ids) await cluster.runs(id);
  for (const id of ids) await cluster.copies(id, 1);

  await cluster.powerOff("node1");
  await cluster.powerOff("node2");

  for (const id of ids)
    await cluster.becomes(id, (s) => s.node === "node3" && s.running === "running");
  cluster.assertNeverTwice();
});

test("SIGKILL of the agent alone: the guard kills, frees the lease, recovery within about a second", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.add(probe(cluster, "process:a"));
  const { node = "" } = await cluster.runs("process:a");
  await cluster.copies("process:a", 1);

  const killedAtMs = performance.now();
  cluster.signal(node, "SIGKILL");
  await cluster.runsElsewhere("process:a", node);
  const failoverMs = performance.now() - killedAtMs;
  await cluster.copies("process:a", 2);

  assert.ok(failoverMs < ttlMs - 500, `${failoverMs} ms: did not wait for the lease (${ttlMs} ms)`);
  await waitFor("the guard to end when nothing is left to guard", 10_000, () => {
    return cluster.processesOf(node).length === 0;
  });
  cluster.assertNeverTwice();
});

test("SIGKILL of agent and guard together: the workload ends by itself before it runs elsewhere", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.add(probe(cluster, "process:a"));
  const { node = "" } = await cluster.runs("process:a");
  await cluster.copies("process:a", 1);
  const agent = cluster.pidOf(node);
  const guard = cluster.guardOf(node);

  signalAll(
    cluster.processesOf(node).filter(({ pid }) => pid === agent || pid === guard.pid),
    "SIGKILL",
  );
  // The lease, which was renewed within the last half second, lasts longer than this.
  await waitFor("nothing to be left of the node", 2_500, () => {
    return cluster.processesOf(node).length === 0;
  });
  await cluster.runsElsewhere("process:a", node);
  await cluster.copies("process:a", 2);
  cluster.assertNeverTwice();
});

test("SIGKILL of the guard alone: the agent starts another one and no service is disturbed", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes: ["node1", "node2"] });
  await cluster.add(probe(cluster, "process:a"));
  const { node = "", uid } = await cluster.runs("process:a");
  await cluster.copies("process:a", 1);
  const first = cluster.guardOf(node);

  signalAll([first], "SIGKILL");
  await waitFor("another guard", 10_000, () =>
    cluster
      .processesOf(node)
      .some(({ pid, commandLine }) => pid !== first.pid && commandLine === first.commandLine),
  );

  await cluster.logged(node, "another guard has taken over");

  // The new guard is a real one: without the agent it kills what it was told of.
  cluster.signal(node, "SIGKILL");
  await cluster.runsElsewhere("process:a", node);
  await cluster.copies("process:a", 2);
  assert.notEqual((await cluster.service("process:a")).uid, uid);
  cluster.assertNeverTwice();
});

test("an agent that is restarted takes up its lease, epoch and workloads again", {
  timeout: 60_000,
}, async (t) => {
  // A machine that is busy with other tests may take longer to start an agent than the fast profile allows.
  const cluster = await startTestCluster(t, { nodes: ["node1", "node2"], profile: "balanced" });
  await cluster.add(probe(cluster, "process:a"));
  const before = await cluster.runs("process:a");
  const node = before.node ?? "";
  const { epoch } = await cluster.nodeBecomes(node, ({ leased }) => leased);
  const [life] = await cluster.copies("process:a", 1);

  await cluster.end(node, "SIGTERM");
  cluster.startAgent(node);

  // Longer than the lease: an agent that had not come back would have lost it by then.
  const backAtMs = performance.now();
  const leaseMs = profiles.balanced.ttlMs;
  await waitFor("the lease's time to pass", leaseMs + slackMs, () => {
    assert.equal(cluster.isBeating("process:a", 1_000), true, "the workload runs on");
    return performance.now() - backAtMs > leaseMs + 1_000;
  });
  const after = await cluster.service("process:a");
  assert.equal(after.node, node);
  assert.equal(after.state, "started");
  assert.deepEqual(
    cluster.lives("process:a").map(({ copy }) => copy),
    [life?.copy],
    "the same process all the time",
  );
  assert.equal((await cluster.nodeBecomes(node, ({ leased }) => leased)).epoch, epoch);
});

test("an agent that was stopped and does not come back: the guard acts at the deadline", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes: ["node1", "node2"] });
  await cluster.add(probe(cluster, "process:a"));
  const { node = "" } = await cluster.runs("process:a");

  await cluster.copies("process:a", 1);
  await cluster.end(node, "SIGTERM");
  await cluster.runsElsewhere("process:a", node);
  await cluster.copies("process:a", 2);

  cluster.assertNeverTwice();
  await waitFor("nothing to be left of the node", 10_000, () => {
    return cluster.processesOf(node).length === 0;
  });
});
