/** The manager's transactions: what they must not take with them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { epochOf } from "../../src/core/ids.ts";
import { instantMs } from "../../src/core/time.ts";
import type { JsonValue, Operation } from "../../src/ports/store.ts";
import { FleetMirror } from "../../src/runtime/fleet/fleet-mirror.ts";
import { draftOf } from "../../src/runtime/manager-draft.ts";
import { createManagerMirror } from "../../src/runtime/manager-mirror.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { keys } from "../../src/wire/records.ts";
import { nodeId, serviceId } from "../core/manager-harness.ts";
import { clock } from "./harness.ts";

const service = serviceId("process:api");
const key = `${keys.commands}${service}`;
const effect = {
  kind: "finish-command",
  service,
  commandId: "first",
  reason: { code: "command", command: "stop", target: undefined },
} as const;

for (const seen of ["not seen", "seen"] as const) {
  test(`the end of an order leaves alone a newer one that the manager has ${seen}`, async (t) => {
    const store = createMemoryStore({ clock });
    t.after(() => store.close());
    const mirror = createManagerMirror();
    const order = async (id: string) => {
      const value = { version: 1, id, kind: "stop", by: "test" };
      const written = await store.txn({ compare: [], then: [{ kind: "put", key, value }] });
      assert.ok(written.ok);
      const read = await store.get(key);
      assert.ok(read.ok && read.value.entry !== undefined);
      return read.value.entry;
    };
    const won = await store.txn({
      compare: [],
      then: [{ kind: "put", key: keys.manager, value: { version: 1 } }],
    });
    assert.ok(won.ok);
    mirror.load(await order("first"));
    const newer = await order("second");
    if (seen === "seen") mirror.apply({ kind: "put", entry: newer });
    const draft = draftOf([effect], {
      mirror,
      fleet: new FleetMirror(),
      createRevision: won.value.revision,
      now: instantMs(0),
      nextSequence: () => 1,
    });
    assert.ok(draft.kind === "write");
    await store.txn(draft.txn);
    const left = await store.get(key);
    assert.ok(left.ok);
    assert.deepEqual(left.value.entry?.value, newer.value);
  });
}

const node = nodeId("node1");
const purge = {
  kind: "purge-node",
  node,
  epoch: epochOf(4),
  because: "it was lost for 1 h",
  reason: { code: "node-purged", node, lostForMs: 3_600_000 },
} as const;

const changes: readonly (readonly [string, Operation | undefined, boolean])[] = [
  ["is written when nothing has changed", undefined, true],
  [
    "is not written when the node has a lease",
    { kind: "put", key: `${keys.leases}node1`, value: {} },
    false,
  ],
  [
    "is not written when its epoch was raised",
    { kind: "put", key: `${keys.epochs}node1`, value: { version: 1, epoch: 5 } },
    false,
  ],
  [
    "is not written when its registration has changed",
    { kind: "put", key: `${keys.nodes}node1`, value: { version: 1 } },
    false,
  ],
  ["is not written without the election", { kind: "delete", key: keys.manager }, false],
];

for (const [name, change, isWritten] of changes) {
  test(`the purge of a node ${name}`, async (t) => {
    const store = createMemoryStore({ clock });
    t.after(() => store.close());
    const put = async (key: string, value: JsonValue) => {
      const written = await store.txn({ compare: [], then: [{ kind: "put", key, value }] });
      assert.ok(written.ok);
      return written.value.revision;
    };
    const createRevision = await put(keys.manager, { version: 1 });
    await put(`${keys.epochs}node1`, { version: 1, epoch: 4 });
    const record = { node: "node1", type: "device", properties: {}, agentVersion: "1" };
    const more = { registeredAtMs: 1, confirmedOffEpoch: 0, identity: "abc" };
    await put(`${keys.nodes}node1`, { version: 1, ...record, ...more });
    const mirror = createManagerMirror();
    for (const key of [`${keys.epochs}node1`, `${keys.nodes}node1`]) {
      const read = await store.get(key);
      assert.ok(read.ok && read.value.entry !== undefined);
      mirror.load(read.value.entry);
    }
    if (change !== undefined) await store.txn({ compare: [], then: [change] });
    const draft = draftOf([purge], {
      mirror,
      fleet: new FleetMirror(),
      createRevision,
      now: instantMs(9),
      nextSequence: () => 1,
    });
    assert.ok(draft.kind === "write");
    const outcome = await store.txn(draft.txn);
    assert.ok(outcome.ok);
    assert.equal(outcome.value.succeeded, isWritten);
    const removed = await store.get(`${keys.removedNodes}node1`);
    assert.ok(removed.ok);
    const tombstone = {
      version: 1,
      node: "node1",
      identity: "abc",
      epoch: 4,
      because: "it was lost for 1 h",
      atMs: 9,
    };
    assert.deepEqual(removed.value.entry?.value, isWritten ? tombstone : undefined);
  });
}
