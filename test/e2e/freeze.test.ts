/** A frozen cluster with real processes: it outlives its server, recovers what is lost, and is ended by the command line. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { startTestCluster, value } from "./harness/cluster.ts";
import { probe } from "./harness/probe-service.ts";
import { holdfast } from "./harness/program.ts";
import { waitFor } from "./harness/wait.ts";

test("frozen, the server is killed and started, a node is lost and recovered, and cluster unfreeze ends it", {
  timeout: 90_000,
}, async (t) => {
  const cluster = await startTestCluster(t);
  const id = "process:a";
  const words = (...command: readonly string[]) => {
    const token = ["--token-file", join(cluster.dataOf("server"), "admin.token")];
    return holdfast([...command, "--server", cluster.urlFor(), ...token]);
  };
  await cluster.add(probe(cluster, id));
  const { node = "" } = await cluster.runs(id);
  await cluster.copies(id, 1);

  const frozen = await words("cluster", "freeze", "--for", "1h", "--reason", "upgrade");
  assert.equal(frozen.exitCode, 0, frozen.stderr);
  await cluster.end("server", "SIGKILL");
  cluster.startServer();
  await waitFor("the server to answer", 10_000, async () => (await cluster.client.cluster()).ok);
  assert.equal(value(await cluster.client.freezeState()).frozen, true);

  const refused = await words("service", "stop", id);
  assert.equal(refused.exitCode, 5, refused.stderr);
  assert.match(refused.stderr, /frozen by .*: upgrade .*until/);
  assert.match(refused.stderr, /holdfast cluster unfreeze/);
  const status = await words("status");
  assert.match(status.stdout, /the cluster is frozen by .*: upgrade/);
  const why = await words("why", id);
  assert.match(why.stdout, /the cluster is frozen by .*: upgrade/);

  await cluster.powerOff(node);
  await cluster.runsElsewhere(id, node);
  await cluster.copies(id, 2);

  const ended = await words("cluster", "unfreeze");
  assert.equal(ended.exitCode, 0, ended.stderr);
  const stopped = await words("service", "stop", id);
  assert.equal(stopped.exitCode, 0, stopped.stderr);
  cluster.assertNeverTwice();
});
