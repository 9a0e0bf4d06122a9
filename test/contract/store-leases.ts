/** Leases of the store contract. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  entryOf,
  errorOf,
  type MakeStore,
  must,
  put,
  read,
  revisionOf,
  type StoreTime,
  type StoreUnderTest,
  until,
  write,
} from "./store-support.ts";

type WithStore = (run: (made: StoreUnderTest) => Promise<void>) => Promise<void>;

/** The least that every engine grants is 2 s. */
const ttlMsByTime: Readonly<Record<StoreTime, number>> = { simulated: 3_000, real: 2_000 };

/** Where keeping alive has to come in time: two fifths of it are left for a busy machine. */
const keptTtlMsByTime: Readonly<Record<StoreTime, number>> = { simulated: 3_000, real: 5_000 };

export function leaseContract(makeStore: MakeStore, time: StoreTime): void {
  const ttlMs = ttlMsByTime[time];
  const withStore: WithStore = async (run) => {
    const made = await makeStore();
    try {
      await run(made);
    } finally {
      await made.dispose();
    }
  };
  describe("leases", () => {
    expiryTests(withStore, ttlMs);
    keptTests(withStore, keptTtlMsByTime[time]);
    attachTests(withStore, ttlMs);
    revokeTests(withStore, ttlMs);
    grantTests(withStore, ttlMs);
  });
}

function expiryTests(withStore: WithStore, ttlMs: number): void {
  it("delete their keys in one revision, when their time is over", () =>
    withStore(async ({ store, advance }) => {
      const lease = must(await store.grantLease(ttlMs));
      const revision = await write(store, put("b", 2, lease), put("a", 1, lease), put("c", 3));
      const reader = read(store, "", revision + 1);
      await advance(ttlMs + 100);
      assert.deepEqual(await reader.batch(), {
        revision: revision + 1,
        changes: [
          { kind: "delete", key: "a", previous: 1 },
          { kind: "delete", key: "b", previous: 2 },
        ],
      });
      assert.equal(await entryOf(store, "a"), undefined);
      assert.equal((await entryOf(store, "c"))?.value, 3);
      assert.equal(errorOf(await store.keepLeaseAlive(lease)).kind, "lease-not-found");
      reader.stop();
    }));

  it("that are over refuse keys, and the transaction does nothing", () =>
    withStore(async ({ store, advance }) => {
      const lease = must(await store.grantLease(ttlMs));
      await advance(ttlMs + 100);
      const before = await revisionOf(store);
      for (const leaseId of [lease, "987654321", "not-a-number", ""]) {
        const txn = { compare: [], then: [put("good", 1), put("k", 1, leaseId)] };
        const error = errorOf(await store.txn(txn));
        assert.equal(error.kind, "lease-not-found");
        assert.equal(error.mayHaveTakenEffect, false);
      }
      assert.equal(await revisionOf(store), before);
      assert.equal(await entryOf(store, "good"), undefined);
    }));
}

function keptTests(withStore: WithStore, ttlMs: number): void {
  it("live as long as they are kept alive, and no revision is used up by that", () =>
    withStore(async ({ store, advance }) => {
      const kept = must(await store.grantLease(ttlMs));
      const left = must(await store.grantLease(ttlMs));
      await write(store, put("kept", 1, kept), put("left", 1, left));
      for (let turn = 0; turn < 4; turn++) {
        await advance(ttlMs * 0.6);
        must(await store.keepLeaseAlive(kept));
      }
      await until("the other lease's key is gone", async () => {
        return (await entryOf(store, "left")) === undefined;
      });
      const kept1 = await entryOf(store, "kept");
      assert.equal(kept1?.leaseId, kept);
      assert.equal(await revisionOf(store), kept1.modRevision + 1);
      await advance(ttlMs + 100);
      await until("the kept lease's key is gone", async () => {
        return (await entryOf(store, "kept")) === undefined;
      });
    }));
}

function attachTests(withStore: WithStore, ttlMs: number): void {
  it("keep no key that was put again without them or with another", () =>
    withStore(async ({ store, advance }) => {
      const first = must(await store.grantLease(ttlMs));
      const second = must(await store.grantLease(ttlMs * 10));
      await write(store, put("free", 1, first), put("moved", 1, first), put("gone", 1, first));
      await write(store, put("free", 2), put("moved", 2, second));
      assert.equal((await entryOf(store, "free"))?.leaseId, undefined);
      assert.equal((await entryOf(store, "moved"))?.leaseId, second);
      await advance(ttlMs + 100);
      await until("the first lease's key is gone", async () => {
        return (await entryOf(store, "gone")) === undefined;
      });
      assert.equal((await entryOf(store, "free"))?.value, 2);
      assert.equal((await entryOf(store, "moved"))?.value, 2);
      must(await store.revokeLease(second));
      assert.equal(await entryOf(store, "moved"), undefined);
    }));

  it("keep no key that was deleted and made again", () =>
    withStore(async ({ store }) => {
      const lease = must(await store.grantLease(ttlMs));
      await write(store, put("k", 1, lease));
      await write(store, { kind: "delete", key: "k" });
      await write(store, put("k", 2));
      must(await store.revokeLease(lease));
      assert.equal((await entryOf(store, "k"))?.value, 2);
    }));
}

function revokeTests(withStore: WithStore, ttlMs: number): void {
  it("end with their keys when they are revoked; again is a success", () =>
    withStore(async ({ store }) => {
      const lease = must(await store.grantLease(ttlMs));
      const revision = await write(store, put("a", 1, lease), put("b", 1, lease));
      const reader = read(store, "", revision + 1);
      must(await store.revokeLease(lease));
      const batch = await reader.batch();
      assert.deepEqual(
        batch.changes.map((change) => change.kind === "delete" && change.key),
        ["a", "b"],
      );
      must(await store.revokeLease(lease));
      must(await store.revokeLease("4711"));
      must(await store.revokeLease("nonsense"));
      assert.equal(await revisionOf(store), revision + 1);
      assert.equal(errorOf(await store.keepLeaseAlive(lease)).kind, "lease-not-found");
      reader.stop();
    }));

  it("take no key in the turn in which they are revoked", () =>
    withStore(async ({ store }) => {
      const lease = must(await store.grantLease(ttlMs));
      await write(store, put("a", 1, lease));
      const revoked = store.revokeLease(lease);
      const again = store.revokeLease(lease);
      const late = store.txn({ compare: [], then: [put("b", 1, lease)] });
      must(await revoked);
      must(await again);
      assert.equal(errorOf(await late).kind, "lease-not-found");
      assert.equal(await entryOf(store, "b"), undefined);
    }));
}

function grantTests(withStore: WithStore, ttlMs: number): void {
  it("have ids that are decimal numbers and never the same", () =>
    withStore(async ({ store }) => {
      const ids: string[] = [];
      for (let turn = 0; turn < 3; turn++) {
        const granted = await Promise.all(
          Array.from({ length: 10 }, () => store.grantLease(ttlMs)),
        );
        ids.push(...granted.map(must));
        for (const lease of granted) must(await store.revokeLease(must(lease)));
      }
      assert.equal(new Set(ids).size, 30);
      for (const id of ids) assert.match(id, /^[1-9][0-9]*$/);
    }));

  it("are refused with a time that is none", () =>
    withStore(async ({ store }) => {
      for (const time of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e12]) {
        assert.equal(errorOf(await store.grantLease(time)).kind, "refused");
      }
    }));

  it("that never were cannot be kept alive", () =>
    withStore(async ({ store }) => {
      for (const id of ["1", "99", "x", ""]) {
        assert.equal(errorOf(await store.keepLeaseAlive(id)).kind, "lease-not-found");
      }
    }));
}
