/** A node that the manager purges leaves its HA group in the same transaction. */
import assert from "node:assert/strict";
import test from "node:test";
import { keys } from "../../../src/wire/records.ts";
import { eventually } from "../harness.ts";
import { membersIn, put, startCluster } from "./support.ts";

test("a purged node is in no group any more, from the same revision on", async (t) => {
  const harness = await startCluster(t, { initialSettings: { profile: "patient" } });
  for (const node of ["node1", "node3", "node4"]) await harness.agent(node);
  const lost = await harness.agent("node2");
  await eventually("node2 is online", async () => {
    return String((await harness.call("GET", "/v1/nodes/node2")).json["state"]) === "online";
  });
  await put(harness, "pair", { members: ["node1", "node2"] });
  const stop = new AbortController();
  t.after(() => stop.abort());
  const watch = harness.store.watch(keys.nodes, { fromRevision: 1, signal: stop.signal });
  const settings = await harness.call("PATCH", "/v1/settings", { body: { purgeAfterMs: 1 } });
  assert.equal(settings.status, 200, settings.text);
  const ended = await harness.store.revokeLease(lost.leaseId);
  assert.ok(ended.ok);
  await eventually("node2 is purged", async () => {
    return (await harness.call("GET", "/v1/nodes/node2")).status === 404;
  });
  let purgedAt = 0;
  for await (const batch of watch) {
    assert.ok(batch.ok);
    const { revision, changes } = batch.value;
    if (changes.some((change) => change.kind === "delete")) purgedAt = revision;
    if (purgedAt > 0) break;
  }
  const group = await harness.call("GET", "/v1/ha-groups/pair");
  assert.deepEqual(membersIn(group), ["node1"]);
  assert.equal(Number(group.json["revision"]), purgedAt);
  const member = await harness.store.get(`${keys.haMembers}node2`);
  assert.ok(member.ok && member.value.entry === undefined);
});
