/** Agents that leave a real cluster and come back: server, manager, guards and workloads are real processes. */
import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { profiles } from "../../src/core/model/times.ts";
import { signalAll } from "../../src/demo/processes.ts";
import { startTestCluster, type TestCluster, value } from "../e2e/harness/cluster.ts";
import { probe } from "../e2e/harness/probe-service.ts";
import { holdfast } from "../e2e/harness/program.ts";
import { holdsFor, waitFor } from "../e2e/harness/wait.ts";

const { ttlMs } = profiles.balanced;
const timeout = 90_000;
const id = "process:a";
const slackMs = 1_000;

async function leave(cluster: TestCluster, node: string, what: string): Promise<string> {
  const words = ["agent", "leave", "--for", what, "--data", cluster.dataOf(node)];
  const { exitCode, stdout, stderr } = await holdfast(words);
  assert.deepEqual([exitCode, stderr], [0, ""]);
  return stdout;
}

async function runOne(cluster: TestCluster): Promise<string> {
  await cluster.add(probe(cluster, id));
  const { node = "" } = await cluster.runs(id);
  await cluster.copies(id, 1);
  return node;
}

test("agent leave --for restart: the service runs on frozen, and the next agent goes on with it", {
  timeout,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes: ["node1", "node2"], profile: "balanced" });
  const node = await runOne(cluster);
  const { epoch } = await cluster.nodeBecomes(node, ({ leased }) => leased);
  const [life] = await cluster.copies(id, 1);

  assert.match(await leave(cluster, node, "restart"), /has left: .* run on/);
  assert.equal((await cluster.service(id)).state, "freeze");
  assert.equal((await cluster.nodeBecomes(node, ({ leased }) => !leased)).leased, false);
  await holdsFor("it runs on where it is, for longer than a lease", ttlMs + slackMs, () =>
    cluster.isBeating(id, 1_000),
  );

  cluster.startAgent(node);
  await cluster.nodeBecomes(node, (is) => is.leased && is.epoch === epoch + 1);
  const after = await cluster.runs(id);
  assert.equal(after.node, node);
  assert.deepEqual(
    cluster.lives(id).map(({ copy }) => copy),
    [life?.copy],
    "the same process all the time",
  );
  // It is watched again, and hangs on its lifeline again: it ends with agent and guard, and runs elsewhere.
  // The agent first: it would start another guard.
  const guard = cluster.guardOf(node);
  cluster.signal(node, "SIGKILL");
  signalAll([guard], "SIGKILL");
  let left = cluster.processesOf(node);
  await waitFor("nothing to be left of it", 5_000, () => {
    left = cluster.processesOf(node);
    return left.length === 0;
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${JSON.stringify(left)}`);
  });
  await cluster.runsElsewhere(id, node);
  await cluster.copies(id, 2);
  cluster.assertNeverTwice();
});

test("systemd's SIGTERM for a reboot: the service is stopped, waits for its node, and runs there again", {
  timeout,
}, async (t) => {
  const cluster = await startTestCluster(t, {
    nodes: ["node1", "node2"],
    profile: "balanced",
    enter: underSystemd,
  });
  const tool = join(cluster.directory, "systemctl");
  writeFileSync(tool, "#!/bin/sh\necho '700 reboot.target start waiting'\n");
  chmodSync(tool, 0o755);
  const node = await runOne(cluster);

  await cluster.end(node, "SIGTERM");
  assert.equal((await cluster.service(id)).state, "freeze");
  await waitFor("nothing to be left of it", 5_000, () => cluster.processesOf(node).length === 0);
  await cluster.assertSilent(id, ttlMs + slackMs);
  assert.equal((await cluster.service(id)).node, node, "it waits for its node");

  cluster.startAgent(node);
  assert.equal((await cluster.runs(id)).node, node);
  await cluster.copies(id, 2);
  cluster.assertNeverTwice();
});

/** As systemd starts a unit: its own variables, and a `systemctl` that the test writes. */
function underSystemd(name: string): readonly string[] {
  if (name === "server") return [];
  const script =
    'for word; do data=$word; done; export INVOCATION_ID=test SYSTEMD_EXEC_PID=$$ PATH="$(dirname "$data"):$PATH"; exec "$@"';
  return ["/bin/sh", "-c", script, "sh"];
}

test("agent leave --for power-off: the service runs elsewhere as soon as it has stopped", {
  timeout,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes: ["node1", "node2"], profile: "balanced" });
  const node = await runOne(cluster);
  assert.match(await leave(cluster, node, "power-off"), /its services are stopped/);
  const leftAtMs = performance.now();
  await cluster.runsElsewhere(id, node);
  const tookMs = performance.now() - leftAtMs;
  assert.ok(tookMs < ttlMs, `no lease had to run out: it took ${Math.round(tookMs)} ms`);
  await cluster.copies(id, 2);
  cluster.assertNeverTwice();
});

test("policy migrate: a node that is rebooted goes down only when its services run elsewhere", {
  timeout,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes: ["node1", "node2"], profile: "balanced" });
  value(await cluster.client.changeSettings({ shutdownPolicy: "migrate" }));
  const node = await runOne(cluster);
  assert.match(await leave(cluster, node, "reboot"), /its services are stopped/);
  assert.notEqual((await cluster.service(id)).node, node, "it had moved by then");
  await cluster.runsElsewhere(id, node);
  await cluster.copies(id, 2);
  assert.equal((await cluster.nodeBecomes(node, ({ leased }) => !leased)).state, "maintenance");
  cluster.startAgent(node);
  await cluster.nodeBecomes(node, ({ state }) => state === "online");
  assert.equal((await cluster.runs(id)).state, "started");
  cluster.assertNeverTwice();
});

test("agent leave without a server: the agent ends in time, and the service is never there twice", {
  timeout,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes: ["node1", "node2"], profile: "balanced" });
  const node = await runOne(cluster);
  await cluster.end("server", "SIGKILL");
  assert.match(await leave(cluster, node, "restart"), /without the manager's leave/);
  cluster.startServer();
  cluster.startAgent(node);
  await cluster.nodeBecomes(node, (is) => is.leased && is.state === "online");
  await cluster.runs(id);
  await waitFor("it to beat", 10_000, () => cluster.isBeating(id));
  cluster.assertNeverTwice();
});
