/** What a person orders: stop, start, migrate, relocate, disable, ignore, remove. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startTestCluster, value } from "./harness/cluster.ts";
import { probe } from "./harness/probe-service.ts";
import { holdsFor, waitFor } from "./harness/wait.ts";

test("stop and start, migrate and relocate, stop with a time limit, remove: each once, never twice", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t);
  const id = "process:a";
  await cluster.add(probe(cluster, id, { fields: { node: "node1" } }));
  assert.equal((await cluster.runs(id)).node, "node1");
  await cluster.copies(id, 1);

  await t.test("stopped stops it, started starts it", async () => {
    value(await cluster.client.changeService(id, { state: "stopped" }));
    await cluster.becomes(id, ({ state }) => state === "stopped");
    await cluster.assertSilent(id, 150);
    value(await cluster.client.changeService(id, { state: "started" }));
    await cluster.runs(id);
    await cluster.copies(id, 2);
  });

  for (const command of ["migrate", "relocate"] as const) {
    const target = command === "migrate" ? "node2" : "node3";
    await t.test(`${command} moves it to ${target}`, async () => {
      value(await cluster.client.command(id, { command, target }));
      await cluster.becomes(id, (is) => is.node === target && is.running === "running");
      await waitFor("a copy there", 5_000, () => cluster.lives(id).at(-1)?.node === target);
    });
  }

  await t.test(
    "a changed command takes effect by a restart in place, and says when it has",
    async () => {
      const before = await cluster.service(id);
      const copies = cluster.lives(id).length;
      const environment = { ...probe(cluster, id).process?.environment, CHANGED: "yes" };
      const { revision } = value(
        await cluster.client.changeService(id, { process: { environment } }),
      );
      await cluster.becomes(id, (is) => is.revision === revision && is.applied);
      const after = await cluster.service(id);
      assert.deepEqual([after.node, after.uid], [before.node, before.uid], "the same instruction");
      // Its agent may report it before the copy has written its first line.
      await cluster.copies(id, copies + 1);
    },
  );

  await t.test("a command to a node that does not exist is refused", async () => {
    const answer = await cluster.client.command(id, { command: "migrate", target: "node9" });
    assert.equal(answer.ok, false);
    assert.match(answer.ok ? "" : answer.error.message, /node9/);
    assert.equal((await cluster.service(id)).node, "node3");
  });

  await t.test("stop with a time limit stops it", async () => {
    value(await cluster.client.command(id, { command: "stop", timeoutMs: 500 }));
    await cluster.becomes(
      id,
      ({ state, requested }) => state === "stopped" && requested === "stopped",
    );
    await cluster.assertSilent(id, 150);
  });

  await t.test("disabled stays down", async () => {
    value(await cluster.client.changeService(id, { state: "started" }));
    await cluster.runs(id);
    value(await cluster.client.changeService(id, { state: "disabled" }));
    await cluster.becomes(id, ({ state }) => state === "stopped");
    await cluster.assertSilent(id, 1_000);
  });

  await t.test("remove stops it and forgets it", async () => {
    value(await cluster.client.changeService(id, { state: "started" }));
    await cluster.runs(id);
    value(await cluster.client.removeService(id));
    await waitFor("it to be forgotten", 10_000, async () => {
      const answer = await cluster.client.service(id);
      return !answer.ok && answer.error.code === "not-found";
    });
    await cluster.assertSilent(id, 150);
  });
  cluster.assertNeverTwice();
});

test("an ignored service is left as it is, also when its node is lost", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes: ["node1", "node2"] });
  const id = "process:a";
  await cluster.add(probe(cluster, id));
  const { node = "" } = await cluster.runs(id);
  await cluster.copies(id, 1);
  value(await cluster.client.changeService(id, { state: "ignored" }));
  await cluster.becomes(id, ({ state }) => state === "ignored");

  await cluster.powerOff(node);
  await cluster.nodeBecomes(node, ({ state }) => state !== "online");
  await holdsFor("it is started nowhere else", 2_000, () => cluster.lives(id).length === 1);
});
