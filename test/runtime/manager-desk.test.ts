/** What the manager's server writes beside the core: under the election, with events in one line, and always answered. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import type { Log } from "../../src/ports/log.ts";
import type { Store } from "../../src/ports/store.ts";
import {
  createManagerDesk,
  type DeskOrder,
  type ManagerDesk,
} from "../../src/runtime/manager-desk.ts";
import { runManager } from "../../src/runtime/manager-loop.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { keys } from "../../src/wire/records.ts";

const log: Log = { write: () => undefined, with: () => log };

interface Bench {
  readonly store: Store;
  readonly desk: ManagerDesk;
  /** Sequences of the events that are stored. */
  sequences(): Promise<readonly number[]>;
}

/** A manager with a desk; `deposed`: its election is over, and it does not know. */
async function bench(t: TestContext, office: "held" | "deposed" = "held"): Promise<Bench> {
  const store = createMemoryStore({ clock });
  const elected = await store.txn({
    compare: [],
    then: [
      { kind: "put", key: keys.manager, value: { version: 1, serverId: "one", electedAtMs: 1 } },
    ],
  });
  assert(elected.ok);
  const stop = new AbortController();
  const desk = createManagerDesk();
  const createRevision = elected.value.revision - (office === "deposed" ? 1 : 0);
  const managing = runManager({
    store,
    clock,
    log,
    desk,
    term: { createRevision, signal: stop.signal },
  });
  t.after(async () => {
    stop.abort();
    desk.close();
    await managing;
    await store.close();
  });
  return {
    store,
    desk,
    async sequences() {
      const read = await store.range(keys.events);
      assert(read.ok);
      return read.value.entries.map(({ key }) => Number(key.slice(keys.events.length)));
    },
  };
}

function orderOf(id: string): DeskOrder {
  const key = `${keys.lostServers}${id}`;
  return {
    compare: [{ kind: "absent", key }],
    operations: [{ kind: "put", key, value: { version: 1, id, sinceMs: 1 } }],
    event: {
      kind: "cluster",
      subject: `server/${id}`,
      reason: { code: "server-lost", server: id, name: `server${id}` },
    },
  };
}

test("write() writes the order and its event in one transaction, events numbered without a gap", async (t) => {
  const { store, desk, sequences } = await bench(t);
  const outcomes = await Promise.all(["1", "2", "3"].map((id) => desk.write(orderOf(id))));
  assert.deepEqual(
    outcomes,
    [1, 2, 3].map(() => ({ ok: true, value: "written" })),
  );
  assert.deepEqual(await sequences(), [1, 2, 3]);
  const [record, event] = await Promise.all([
    store.get(`${keys.lostServers}2`),
    store.get(`${keys.events}${"2".padStart(16, "0")}`),
  ]);
  assert(record.ok && event.ok);
  assert.equal(record.value.entry?.modRevision, event.value.entry?.modRevision);
});

test("write() says `changed` and writes nothing when a condition does not hold", async (t) => {
  const { desk, sequences } = await bench(t);
  await desk.write(orderOf("1"));
  assert.deepEqual(await desk.write(orderOf("1")), { ok: true, value: "changed" });
  await desk.write(orderOf("2"));
  assert.deepEqual(await sequences(), [1, 2], "what was not written has no number");
});

test("write() of a deposed manager writes nothing (S5)", async (t) => {
  const { store, desk, sequences } = await bench(t, "deposed");
  assert.deepEqual(await desk.write(orderOf("1")), { ok: true, value: "changed" });
  const read = await store.range(keys.lostServers);
  assert(read.ok);
  assert.deepEqual(read.value.entries, []);
  assert.deepEqual(await sequences(), []);
});

test("close() answers those that wait, and all later ones", async () => {
  const desk = createManagerDesk();
  const waiting = desk.write(orderOf("1"));
  const taken = desk.take();
  const second = desk.write(orderOf("2"));
  assert(taken !== undefined, "the manager has begun with the first");
  desk.close();
  for (const outcome of [await waiting, await second, await desk.write(orderOf("3"))]) {
    assert(!outcome.ok);
    assert.match(outcome.error, /not the manager any more/);
  }
  assert.equal(desk.take(), undefined);
});
