/** An agent is stopped in its tracks (SIGSTOP) and wakes up again: the guard acts, the sleeper does no harm. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { profiles } from "../../src/core/model/times.ts";
import { startTestCluster } from "./harness/cluster.ts";
import { probe } from "./harness/probe-service.ts";
import { holdsFor } from "./harness/wait.ts";

const { ttlMs } = profiles.fast;

test("SIGSTOP of an agent: the guard kills, another node takes over, the sleeper starts nothing", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.add(probe(cluster, "process:a"));
  const before = await cluster.runs("process:a");
  const node = before.node ?? "";
  const { epoch } = await cluster.nodeBecomes(node, ({ leased }) => leased);
  await cluster.copies("process:a", 1);

  const pausedAtMs = performance.now();
  cluster.signal(node, "SIGSTOP");
  const after = await cluster.runsElsewhere("process:a", node);
  assert.ok(performance.now() - pausedAtMs < ttlMs + 3_000, "recovered with the lease's end");
  await cluster.copies("process:a", 2);

  cluster.signal(node, "SIGCONT");
  const joined = await cluster.nodeBecomes(
    node,
    (is) => is.state === "online" && is.leased && is.epoch > epoch,
  );
  assert.ok(joined.epoch > epoch, "it joins under a new epoch");
  await holdsFor(
    "nothing starts on the node that woke up",
    1_500,
    () => cluster.lives("process:a").length === 2,
  );
  const now = await cluster.service("process:a");
  assert.equal(now.node, after.node);
  assert.equal(now.uid, after.uid);
  cluster.assertNeverTwice();
});

test("POST /v1/agent/report of an epoch that is over is refused and changes nothing", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t);
  await cluster.add(probe(cluster, "process:a"));
  const before = await cluster.runs("process:a");
  const node = before.node ?? "";
  const { epoch } = await cluster.nodeBecomes(node, ({ leased }) => leased);
  await cluster.powerOff(node);
  const after = await cluster.runsElsewhere("process:a", node);

  const token = readFileSync(cluster.agentTokenPath(node), "utf8").trim();
  const answer = await fetch(`${cluster.urlFor()}/v1/agent/report`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({
      service: "process:a",
      epoch,
      uid: before.uid,
      result: "stopped",
      detail: "a late word from the dead",
      health: "none",
    }),
  });

  assert.equal(answer.status, 409);
  assert.match(await answer.text(), /"stale-epoch"/);
  const now = await cluster.service("process:a");
  assert.deepEqual([now.running, now.uid, now.detail], ["running", after.uid, after.detail]);
});
