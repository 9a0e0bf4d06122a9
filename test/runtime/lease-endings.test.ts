/** The end of a lease that may have come too early is told when it proves something, and not at all if it came back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { epochOf, type NodeId, parseNodeId } from "../../src/core/ids.ts";
import type { ManagerEvent } from "../../src/core/manager/event.ts";
import type { Log } from "../../src/ports/log.ts";
import type { Store, StoreChange, StoredEntry } from "../../src/ports/store.ts";
import { LeaseEndings } from "../../src/runtime/lease-endings.ts";
import { keys } from "../../src/wire/records.ts";
import { ManualClock } from "../stores/manual-clock.ts";

const silent: Log = { write: () => undefined, with: () => silent };
const ttlMs = 6_000;

function nodeOf(text: string): NodeId {
  const node = parseNodeId(text);
  assert.ok(node.ok);
  return node.value;
}
const node = nodeOf("node1");
const gone: ManagerEvent = { kind: "lease-gone", node, epoch: epochOf(3) };
const leaseValue = {
  version: 1,
  epoch: 3,
  leaseId: "1",
  incarnation: "incarnation",
  times: { ttlMs, watchdogMs: 4_500, renewEveryMs: 1_000 },
  era: 7,
};
const deletion: StoreChange = {
  kind: "delete",
  key: `${keys.leases}node1`,
  previous: leaseValue,
};

function granted(epoch: number): { change: StoreChange; event: ManagerEvent } {
  const entry = entryOf(`${keys.leases}node1`, { ...leaseValue, epoch });
  const event = {
    kind: "lease-granted",
    node,
    epoch: epochOf(epoch),
    resetsOnLoss: false,
  } as const;
  return { change: { kind: "put", entry }, event };
}

function entryOf(key: string, value: StoredEntry["value"]): StoredEntry {
  return { key, value, createRevision: 1, modRevision: 1, leaseId: undefined };
}

/** `era`: the present one, which began now; undefined: the store has none. */
function world(era: number | undefined) {
  const clock = new ManualClock();
  const told: ManagerEvent[] = [];
  const beganAtMs = clock.monotonicMs();
  const proofAtMs = (of: number | undefined, lastsMs: number): number =>
    of === era ? 0 : beganAtMs + lastsMs;
  const store: Pick<Store, "leaseEndIsProofAtMs"> =
    era === undefined ? {} : { leaseEndIsProofAtMs: proofAtMs };
  const endings = new LeaseEndings({
    ...{ store, clock, log: silent },
    onEnded: (event) => told.push(event),
  });
  return { clock, told, endings };
}

for (const era of [7, undefined]) {
  test(`LeaseEndings tells an end at once where it is proof (present era: ${era})`, () => {
    const { endings } = world(era);
    assert.deepEqual(endings.pass(deletion, [gone]), [gone]);
  });
}

test("LeaseEndings tells an end at once that comes when the lease's time in the new era is over", () => {
  const { clock, endings } = world(8);
  clock.advance(ttlMs);
  assert.deepEqual(endings.pass(deletion, [gone]), [gone]);
});

test("LeaseEndings tells an end in doubt once its time is over, and not sooner", () => {
  const { clock, told, endings } = world(8);
  assert.deepEqual(endings.pass(deletion, [gone]), []);
  clock.advance(ttlMs - 1);
  assert.deepEqual(told, []);
  clock.advance(1);
  assert.deepEqual(told, [gone]);
});

test("LeaseEndings says nothing of a lease that was given back", () => {
  const { clock, told, endings } = world(8);
  endings.pass(deletion, [gone]);
  clock.advance(1_000);
  const back = granted(3);
  assert.deepEqual(endings.pass(back.change, [back.event]), [back.event]);
  clock.advance(ttlMs * 2);
  assert.deepEqual(told, []);
});

test("LeaseEndings tells the end first where the node has a lease of another epoch", () => {
  const { clock, told, endings } = world(8);
  endings.pass(deletion, [gone]);
  const next = granted(4);
  assert.deepEqual(endings.pass(next.change, [next.event]), [gone, next.event]);
  clock.advance(ttlMs * 2);
  assert.deepEqual(told, []);
});

test("LeaseEndings lets a new manager wait for nodes that counted as there and have no lease", () => {
  const { clock, told, endings } = world(8);
  const states = (state: string) => ({ version: 1, state, sinceMs: 1, reason: { code: "joined" } });
  const entries = new Map(
    [
      entryOf(`${keys.epochs}node1`, { version: 1, epoch: 3 }),
      entryOf(`${keys.nodeStates}node1`, states("online")),
      entryOf(`${keys.epochs}node2`, { version: 1, epoch: 5 }),
      entryOf(`${keys.nodeStates}node2`, states("fence")),
    ].map((entry) => [entry.key, entry]),
  );
  assert.deepEqual(endings.missed(entries), [granted(3).event]);
  clock.advance(ttlMs);
  assert.deepEqual(told, [gone]);
});

test("LeaseEndings tells nothing after it was closed", () => {
  const { clock, told, endings } = world(8);
  endings.pass(deletion, [gone]);
  endings.close();
  clock.advance(ttlMs * 2);
  assert.deepEqual(told, []);
});
