/** A service that cannot start: restart on its node, relocate, then `error`, which only a person ends (S8). */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startTestCluster, value } from "./harness/cluster.ts";
import { probe } from "./harness/probe-service.ts";
import { holdsFor, waitFor } from "./harness/wait.ts";

/** Longer than a failing probe lives on a busy machine, so that its start has failed and it never ran. */
const slow = { restart: { settleMs: 2_000, delayMs: 100 } };

test("a service that fails everywhere: restarted, relocated, then error; why explains; a person ends it", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes: ["node1", "node2"] });
  const failPath = join(cluster.directory, "fail");
  writeFileSync(failPath, "*\n");
  const fields = { maxRestart: 1, maxRelocate: 1 };
  await cluster.add(probe(cluster, "process:a", { failPath, fields, process: slow }));

  const failed = await cluster.becomes("process:a", ({ state }) => state === "error", 20_000);
  const nodes = cluster.lives("process:a").map(({ node }) => node);
  assert.equal(nodes.length, 4, `twice on each of two nodes, not ${nodes.join(", ")}`);
  assert.equal(nodes[0], nodes[1]);
  assert.equal(nodes[2], nodes[3]);
  assert.notEqual(nodes[0], nodes[2]);
  assert.deepEqual([...failed.failedNodes].sort(), ["node1", "node2"]);

  const why = value(await cluster.client.why("process:a"));
  assert.match(why.summary, /error/);
  assert.match(JSON.stringify(why), /exit(ed)?[^"]*3|code 3/, "it says how the process ended");
  assert.ok(
    why.next.some((line) => /disable/.test(line)),
    `next: ${why.next.join("; ")}`,
  );

  rmSync(failPath);
  await holdsFor("error is not left by itself", 1_000, async () => {
    return (await cluster.service("process:a")).state === "error";
  });
  value(await cluster.client.changeService("process:a", { state: "disabled" }));
  await cluster.becomes("process:a", ({ state }) => state === "stopped");
  value(await cluster.client.changeService("process:a", { state: "started" }));
  await cluster.runs("process:a");
  await cluster.copies("process:a", 5);
  cluster.assertNeverTwice();
});

test("a service that fails on one node only: relocated to the other", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes: ["node1", "node2"] });
  const failPath = join(cluster.directory, "fail");
  writeFileSync(failPath, "node1\n");
  await cluster.add(
    probe(cluster, "process:a", { failPath, fields: { node: "node1" }, process: slow }),
  );

  await cluster.runsElsewhere("process:a", "node1");
  assert.deepEqual(
    (await cluster.copies("process:a", 3)).map(({ node }) => node),
    ["node1", "node1", "node2"],
  );
  cluster.assertNeverTwice();
});

test("a command that does not exist: error with a sentence that names it", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes: ["node1"] });
  await cluster.add({
    id: "process:a",
    maxRestart: 0,
    maxRelocate: 0,
    process: { command: "/nowhere/at-all" },
  });
  const failed = await cluster.becomes("process:a", ({ state }) => state === "error");
  assert.match(`${failed.detail} ${failed.reason}`, /\/nowhere\/at-all/);
});

test("a workload that dies is restarted in place; one that keeps dying is relocated", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes: ["node1", "node2"] });
  const failPath = join(cluster.directory, "fail");
  await cluster.add(
    probe(cluster, "process:a", { failPath, fields: { node: "node1" }, process: slow }),
  );
  await cluster.runs("process:a");
  await cluster.copies("process:a", 1);
  const kill = async (count: number): Promise<void> => {
    const victim = await waitFor("the probe's process", 5_000, () =>
      cluster
        .processesOf("node1")
        .filter(({ commandLine }) => /^\S*node \S*probe\.ts$/.test(commandLine))
        .at(-1),
    );
    process.kill(victim.pid, "SIGKILL");
    await cluster.copies("process:a", count + 1);
  };

  await kill(1);
  await cluster.runs("process:a");
  assert.deepEqual(
    cluster.lives("process:a").map(({ node }) => node),
    ["node1", "node1"],
  );

  writeFileSync(failPath, "node1\n");
  await kill(2);
  await cluster.runsElsewhere("process:a", "node1");
  cluster.assertNeverTwice();
});
