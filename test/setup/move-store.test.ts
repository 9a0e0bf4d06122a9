/** moveStore(): whatever is written meanwhile, both engines hold the same at the switch, or nothing was switched. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import { epochOf } from "../../src/core/ids.ts";
import { err, ok, type Result } from "../../src/core/result.ts";
import type { JsonValue, LeaseId, Store, StoreError } from "../../src/ports/store.ts";
import { jsonOf, readRecord } from "../../src/runtime/manager-records.ts";
import { createGatedStore, type GatedStore } from "../../src/setup/move/gated-store.ts";
import { type MoveStep, moveSteps, moveStore } from "../../src/setup/move/move-store.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { keys, leaseRecordSchema } from "../../src/wire/records.ts";
import { randomFrom, testSeed } from "../lab/random.ts";
import { storeOf } from "../support/store-of.ts";

const stores: Store[] = [];
after(() => Promise.all(stores.map((store) => store.close())));

function memoryStore(): Store {
  const store = createMemoryStore({ clock });
  stores.push(store);
  return store;
}

const times = { ttlMs: 60_000, watchdogMs: 50_000, renewEveryMs: 10_000 };

function leaseRecord(leaseId: LeaseId, incarnation: string): JsonValue {
  return jsonOf({ version: 1, epoch: epochOf(3), leaseId, incarnation, times });
}

async function put(
  store: Store,
  key: string,
  value: JsonValue,
  leaseId?: LeaseId,
): Promise<boolean> {
  const then = [{ kind: "put" as const, key, value, leaseId }];
  return (await store.txn({ compare: [], then })).ok;
}

async function grant(store: Store): Promise<LeaseId | undefined> {
  const granted = await store.grantLease(times.ttlMs);
  return granted.ok ? granted.value : undefined;
}

/** What was acknowledged, and how it is now. */
class Writer {
  readonly acknowledged = new Map<string, JsonValue>();
  readonly leases = new Map<string, LeaseId>();
  refusedCount = 0;
  writtenCount = 0;
  readonly #store: Store;
  readonly #random: () => number;

  constructor(store: Store, random: () => number) {
    this.#store = store;
    this.#random = random;
  }

  async writeOne(): Promise<void> {
    const kind = this.#random();
    const number = Math.floor(this.#random() * 40);
    if (kind < 0.55) return await this.#put(`services/s${number}`);
    if (kind < 0.75) return await this.#delete(`services/s${number}`);
    if (kind < 0.9) return await this.#takeLease(`n${number % 8}`);
    await this.#endLease(`n${number % 8}`);
  }

  async #put(key: string): Promise<void> {
    const value = { n: this.writtenCount, b: { y: 1, x: [1, "2", null] } };
    if (this.#count(await put(this.#store, key, value))) this.acknowledged.set(key, value);
  }

  async #delete(key: string): Promise<void> {
    const done = await this.#store.txn({ compare: [], then: [{ kind: "delete", key }] });
    if (this.#count(done.ok)) this.acknowledged.delete(key);
  }

  async #takeLease(node: string): Promise<void> {
    const lease = await grant(this.#store);
    if (lease === undefined) return;
    const key = `${keys.leases}${node}`;
    if (this.#count(await put(this.#store, key, leaseRecord(lease, node), lease))) {
      this.leases.set(node, lease);
    }
  }

  async #endLease(node: string): Promise<void> {
    const lease = this.leases.get(node);
    if (lease !== undefined && this.#count((await this.#store.revokeLease(lease)).ok)) {
      this.leases.delete(node);
    }
  }

  #count(isDone: boolean): boolean {
    if (isDone) this.writtenCount += 1;
    else this.refusedCount += 1;
    return isDone;
  }
}

async function entriesOf(store: Store): Promise<ReadonlyMap<string, JsonValue>> {
  const read = await store.range("");
  assert.ok(read.ok);
  return new Map(read.value.entries.map(({ key, value }) => [key, value]));
}

/** Leases are others in the target, with the same times; all else is the same. */
async function assertMoved(source: Store, target: Store, writer: Writer): Promise<void> {
  const moved = await target.range("");
  assert.ok(moved.ok);
  const plain = moved.value.entries.filter(({ leaseId }) => leaseId === undefined);
  assert.deepEqual(
    new Map(plain.map(({ key, value }) => [key, value])),
    new Map([...writer.acknowledged].sort(([left], [right]) => (left < right ? -1 : 1))),
  );
  const leased = moved.value.entries.filter(({ leaseId }) => leaseId !== undefined);
  assert.deepEqual(
    leased.map(({ key }) => key),
    [...writer.leases.keys()].sort().map((node) => `${keys.leases}${node}`),
  );
  const before = await entriesOf(source);
  for (const { key, value, leaseId } of leased) {
    const record = readRecord(leaseRecordSchema, key, value);
    assert.equal(record.leaseId, leaseId, "the record names the lease that its key hangs on");
    const old = readRecord(leaseRecordSchema, key, before.get(key) ?? null);
    assert.deepEqual({ ...record, leaseId: "" }, { ...old, leaseId: "" });
    assert.ok((await target.keepLeaseAlive(leaseId ?? "")).ok, "the lease lives");
  }
}

interface Bench {
  readonly source: GatedStore;
  readonly target: Store;
  readonly writer: Writer;
  readonly steps: MoveStep[];
}

async function makeBench(random: () => number, writesBefore = 60): Promise<Bench> {
  const source = createGatedStore(memoryStore());
  const writer = new Writer(source, random);
  for (let count = 0; count < writesBefore; count += 1) await writer.writeOne();
  await put(source, keys.manager, { server: "1" }, await grant(source));
  return { source, target: memoryStore(), writer, steps: [] };
}

/** Writes until the move is over. */
async function writeUntil(
  writer: Writer,
  random: () => number,
  over: Promise<unknown>,
): Promise<void> {
  let isOver = false;
  void over.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await writer.writeOne();
    if (random() < 0.5) await turn();
  }
}

function never(): AbortSignal {
  return new AbortController().signal;
}

test("moveStore() loses nothing that was acknowledged under a random writer, and translates leases", async () => {
  const seed = testSeed();
  console.log(`seed ${seed}`);
  const random = randomFrom(seed);
  for (let round = 0; round < 40; round += 1) {
    const { source, target, writer } = await makeBench(random, Math.floor(random() * 400));
    const heldAt: number[] = [];
    const moving = moveStore({
      source,
      target: slowed(target, random),
      switchOver: () => Promise.resolve(ok(undefined)),
      onStep: (step) => {
        if (step === "hold") heldAt.push(writer.writtenCount);
      },
      signal: never(),
    });
    await writeUntil(writer, random, moving);
    const moved = await moving;
    assert.ok(moved.ok, moved.ok ? "" : moved.error);
    await assertMoved(source, target, writer);
    assert.equal(moved.value.keyCount, writer.acknowledged.size + writer.leases.size);
    assert.match(moved.value.sha256, /^[0-9a-f]{64}$/);
    assert.equal(await put(source, "services/late", {}), false, "the old engine takes no writes");
    await source.close();
    await target.close();
  }
});

/** Like an engine at the other end of a network. */
function slowed(store: Store, random: () => number): Store {
  return {
    ...storeOf(store),
    async txn(txn) {
      for (let count = Math.floor(random() * 4); count > 0; count -= 1) await turn();
      return await store.txn(txn);
    },
  };
}

async function assertStaysAsItWas(bench: Bench, moved: Result<unknown, string>): Promise<void> {
  assert.equal(moved.ok, false);
  assert.equal(bench.steps.includes("switch"), false);
  assert.ok(await put(bench.source, "services/after", {}), "the old engine takes writes");
  const lease = await bench.source.grantLease(1_000);
  assert.ok(lease.ok && (await bench.source.keepLeaseAlive(lease.value)).ok);
}

test("moveStore() names the key in which a lying engine differs, and switches nothing", async () => {
  const bench = await makeBench(randomFrom(1));
  await put(bench.source, "services/liar", { n: 1 });
  const lying: Store = {
    ...storeOf(bench.target),
    async range(prefix, options) {
      const read = await bench.target.range(prefix, options);
      if (!read.ok) return read;
      const entries = read.value.entries.map((entry) =>
        entry.key === "services/liar" ? { ...entry, value: { n: 2 } } : entry,
      );
      return ok({ ...read.value, entries });
    },
  };
  const moved = await moveStore({
    ...{ source: bench.source, target: lying, signal: never() },
    onStep: (step) => bench.steps.push(step),
    switchOver: () => assert.fail("must not be called"),
  });
  assert.match(
    moved.ok ? "" : moved.error,
    /do not hold the same: they differ in "services\/liar"/,
  );
  await assertStaysAsItWas(bench, moved);
});

for (const lost of ["a key that is missing", "a key that nobody wrote"] as const) {
  test(`moveStore() finds ${lost}`, async () => {
    const bench = await makeBench(randomFrom(2));
    await put(bench.source, "services/lost", { n: 1 });
    const target: Store = {
      ...storeOf(bench.target),
      async range(prefix, options) {
        const read = await bench.target.range(prefix, options);
        if (!read.ok) return read;
        const { entries } = read.value;
        const [first] = entries;
        const wrong =
          lost === "a key that is missing"
            ? entries.filter(({ key }) => key !== "services/lost")
            : entries.concat(first === undefined ? [] : [{ ...first, key: "services/odd" }]);
        return ok({ ...read.value, entries: wrong });
      },
    };
    const moved = await moveStore({
      ...{ source: bench.source, target, signal: never() },
      onStep: (step) => bench.steps.push(step),
      switchOver: () => assert.fail("must not be called"),
    });
    const key = lost === "a key that is missing" ? "services/lost" : "services/odd";
    assert.match(moved.ok ? "" : moved.error, new RegExp(`differ in "${key}"`));
    await assertStaysAsItWas(bench, moved);
  });
}

for (const cutAt of moveSteps) {
  test(`moveStore() that is cut off at "${cutAt}" leaves the old engine as it was, and can be repeated`, async () => {
    const random = randomFrom(3);
    const bench = await makeBench(random, 300);
    const cut = new AbortController();
    const begin = (signal: AbortSignal, target: Store, isCut: boolean) =>
      moveStore({
        ...{ source: bench.source, target, signal },
        onStep: (step) => {
          if (isCut && step === cutAt) cut.abort();
        },
        switchOver: () => Promise.resolve(isCut ? err("the disk is full") : ok(undefined)),
      });
    const moving = begin(cut.signal, bench.target, true);
    await writeUntil(bench.writer, random, moving);
    await assertStaysAsItWas(bench, await moving);
    bench.writer.acknowledged.set("services/after", {});
    const fresh = memoryStore();
    const again = await begin(never(), fresh, false);
    assert.ok(again.ok, again.ok ? "" : again.error);
    await assertMoved(bench.source, fresh, bench.writer);
  });
}

test("moveStore() keeps everything held when it is not known which engine counts", async () => {
  const bench = await makeBench(randomFrom(4));
  const moving = moveStore({
    ...{ source: bench.source, target: bench.target, signal: never() },
    switchOver: () => Promise.reject(new Error("the disk is gone")),
  });
  await assert.rejects(moving, /the disk is gone/);
  assert.equal(await put(bench.source, "services/after", {}), false);
});

const failures: readonly (readonly [
  string,
  (target: Store, error: StoreError) => Partial<Store>,
])[] = [
  ["writes", (_target, error) => ({ txn: () => Promise.resolve(err(error)) })],
  ["reads", (_target, error) => ({ range: () => Promise.resolve(err(error)) })],
  ["leases", (_target, error) => ({ grantLease: () => Promise.resolve(err(error)) })],
  ["renewals", (_target, error) => ({ keepLeaseAlive: () => Promise.resolve(err(error)) })],
];
for (const [what, fail] of failures) {
  test(`moveStore() says why when the new engine fails (${what}), and switches nothing`, async () => {
    const bench = await makeBench(randomFrom(5));
    const lease = await grant(bench.source);
    await put(bench.source, `${keys.leases}node`, leaseRecord(lease ?? "", "node"), lease);
    const error = { kind: "unavailable", message: "no quorum", mayHaveTakenEffect: true } as const;
    const moved = await moveStore({
      ...{ source: bench.source, signal: never() },
      target: { ...storeOf(bench.target), ...fail(bench.target, error) },
      onStep: (step) => bench.steps.push(step),
      switchOver: () => assert.fail("must not be called"),
    });
    assert.equal(moved.ok ? "" : moved.error, "no quorum");
    await assertStaysAsItWas(bench, moved);
  });
}

test("moveStore() survives that a lease runs out in the new engine while it is copied", async () => {
  const bench = await makeBench(randomFrom(6));
  const lease = await grant(bench.source);
  await put(bench.source, `${keys.leases}node`, leaseRecord(lease ?? "", "node"), lease);
  bench.writer.leases.set("node", lease ?? "");
  const moved = await moveStore({
    ...{ source: bench.source, target: bench.target, signal: never() },
    onStep: (step) => {
      if (step === "follow") void revokeAll(bench.target);
    },
    switchOver: () => Promise.resolve(ok(undefined)),
  });
  assert.ok(moved.ok, moved.ok ? "" : moved.error);
  await assertMoved(bench.source, bench.target, bench.writer);
});

async function revokeAll(store: Store): Promise<void> {
  const read = await store.range(keys.leases);
  assert.ok(read.ok);
  for (const { leaseId } of read.value.entries) await store.revokeLease(leaseId ?? "");
}

test("moveStore() lets no renewal through between the last one there and the first one here", async () => {
  const bench = await makeBench(randomFrom(7));
  const lease = await grant(bench.source);
  await put(bench.source, `${keys.leases}node`, leaseRecord(lease ?? "", "node"), lease);
  const order: string[] = [];
  const target: Store = {
    ...storeOf(bench.target),
    async keepLeaseAlive(id) {
      order.push("here");
      return await bench.target.keepLeaseAlive(id);
    },
  };
  let isOver = false;
  const renewing = (async (): Promise<void> => {
    while (!isOver) {
      const renewed = await bench.source.keepLeaseAlive(lease ?? "");
      if (renewed.ok) order.push("there");
      await turn();
    }
  })();
  const moved = await moveStore({
    ...{ source: bench.source, target, signal: never() },
    switchOver: async () => {
      await sleep(20);
      return ok(undefined);
    },
  });
  isOver = true;
  await renewing;
  assert.ok(moved.ok);
  assert.ok(order.includes("there"));
  assert.equal(order.lastIndexOf("there") < order.lastIndexOf("here"), true, order.join());
});

test("a gated store waits for writes that were begun, and not for renewals that never cease", async () => {
  const inner = memoryStore();
  const writing = Promise.withResolvers<void>();
  const renewal = Promise.withResolvers<void>();
  const gated = createGatedStore({
    ...storeOf(inner),
    async txn(txn) {
      await writing.promise;
      return await inner.txn(txn);
    },
    async keepLeaseAlive(lease) {
      await renewal.promise;
      return await inner.keepLeaseAlive(lease);
    },
  });
  const begun = put(gated, "services/begun", {});
  void gated.keepLeaseAlive("1");
  let isHeld = false;
  const held = gated.hold("writes").then(() => {
    isHeld = true;
  });
  await turn();
  assert.equal(isHeld, false, "the write is not done yet");
  assert.equal(await put(gated, "services/refused", {}), false);
  writing.resolve();
  assert.equal(await begun, true);
  await held;
  const all = gated.hold("all");
  assert.equal((await gated.keepLeaseAlive("1")).ok, false);
  renewal.resolve();
  await all;
  gated.release();
  assert.equal(await put(gated, "services/after", {}), true);
});
