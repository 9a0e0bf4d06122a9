/** The one server is lost: nothing stops when it is back soon; when it is not, everything stops, and starts again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { profiles } from "../../src/core/model/times.ts";
import { startTestCluster } from "./harness/cluster.ts";
import { probe } from "./harness/probe-service.ts";
import { holdsFor, waitFor } from "./harness/wait.ts";

const { ttlMs, watchdogMs } = profiles.fast;
const ids = ["process:a", "process:b", "process:c"];

test("a server killed and restarted at once: no service is touched, no epoch changes", {
  timeout: 60_000,
}, async (t) => {
  // The watchdog of the profile fast leaves 2 s, in which a busy machine has not always started a server.
  const cluster = await startTestCluster(t, { profile: "balanced" });
  for (const id of ids) await cluster.add(probe(cluster, id));
  for (const id of ids) await cluster.runs(id);
  for (const id of ids) await cluster.copies(id, 1);
  const epochsBefore = (await cluster.status()).nodes.map(({ id, epoch }) => [id, epoch]);

  await cluster.end("server", "SIGKILL");
  cluster.startServer();

  await waitFor("the server to answer", 10_000, async () => (await cluster.client.cluster()).ok);
  await holdsFor("every service runs on", profiles.balanced.ttlMs + 1_500, () =>
    ids.every((id) => cluster.isBeating(id, 1_000)),
  );
  for (const id of ids) assert.equal(cluster.lives(id).length, 1, `${id} was never restarted`);
  const status = await cluster.status();
  assert.deepEqual(
    status.nodes.map(({ id, epoch }) => [id, epoch]),
    epochsBefore,
  );
  assert.deepEqual(
    status.services.map(({ id, state, running }) => [id, state, running]),
    ids.map((id) => [id, "started", "running"]),
  );
  // It is the manager again, not only an API: a node that is lost now is recovered.
  const { node = "" } = await cluster.service("process:a");
  await cluster.powerOff(node);
  await cluster.runsElsewhere("process:a", node);
  await cluster.copies("process:a", 2);
  cluster.assertNeverTwice();
});

test("a server and a node killed together: the restarted server grants a full lease, then recovers", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.add(probe(cluster, "process:a"));
  const { node = "" } = await cluster.runs("process:a");
  await cluster.copies("process:a", 1);

  await cluster.powerOff(node);
  await cluster.end("server", "SIGKILL");
  const restartedAtMs = performance.now();
  cluster.startServer();
  await cluster.runsElsewhere("process:a", node);
  await cluster.copies("process:a", 2);

  assert.ok(performance.now() - restartedAtMs >= ttlMs, "the dead node's lease had its full time");
  cluster.assertNeverTwice();
});

test("a server that is away longer than the watchdog: all stops in time, and runs again after it", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t);
  for (const id of ids) await cluster.add(probe(cluster, id));
  for (const id of ids) await cluster.runs(id);
  for (const id of ids) await cluster.copies(id, 1);

  await cluster.end("server", "SIGKILL");
  const goneAtNs = process.hrtime.bigint();
  await waitFor("every node to have stopped its services", ttlMs + 2_000, () =>
    ids.every((id) => !cluster.isBeating(id, 500)),
  );
  for (const id of ids) {
    const [life] = cluster.lives(id);
    const ranOnMs = Number((life?.lastNs ?? 0n) - goneAtNs) / 1e6;
    assert.ok(ranOnMs <= watchdogMs + 300, `${id} ran ${ranOnMs} ms on without its server`);
  }

  cluster.startServer();
  for (const id of ids) {
    await waitFor(`${id} to run again`, 20_000, () => cluster.isBeating(id));
    await cluster.runs(id);
  }
  cluster.assertNeverTwice();
});

test("a server that is stopped in an orderly way gives its place up and can be started again", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes: ["node1"] });
  await cluster.add(probe(cluster, "process:a"));
  await cluster.runs("process:a");
  await cluster.copies("process:a", 1);

  await cluster.end("server", "SIGTERM");
  cluster.startServer();
  await waitFor("a manager", 10_000, async () => {
    const answer = await cluster.client.cluster();
    return answer.ok && answer.value.manager !== undefined;
  });

  assert.equal(cluster.lives("process:a").length, 1);
  await cluster.runs("process:a");
});
