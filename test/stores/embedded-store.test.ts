/** What an embedded store does when its backend fails, with a backend that fails when told to. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { err, type Result } from "../../src/core/result.ts";
import { MemoryBackend } from "../../src/stores/memory/memory-backend.ts";
import { EmbeddedStore } from "../../src/stores/shared/embedded-store.ts";
import type { BackendFailure } from "../../src/stores/shared/store-backend.ts";
import { entryOf, errorOf, must, put, read, revisionOf, write } from "../contract/store-support.ts";
import { ManualClock } from "./manual-clock.ts";

/** Fails a transaction before it begins, as one that was rolled back looks from outside. */
class FailingBackend extends MemoryBackend {
  /** What becomes of the next transactions; after the last they succeed. */
  script: (BackendFailure["kind"] | "fine")[] = [];
  maintenance: BackendFailure["kind"] | undefined;
  commitCount = 0;

  override atomically(work: () => void): Result<void, BackendFailure> {
    const kind = this.script.shift() ?? "fine";
    if (kind !== "fine") return err({ kind, message: "the disk is broken" });
    this.commitCount += 1;
    return super.atomically(work);
  }

  override maintenanceDue(): boolean {
    return this.maintenance !== undefined;
  }

  override maintain(): Result<void, BackendFailure> {
    const kind = this.maintenance ?? "refused";
    this.maintenance = undefined;
    return err({ kind, message: "the disk is broken" });
  }
}

function makeFailing(): { store: EmbeddedStore; backend: FailingBackend; clock: ManualClock } {
  const clock = new ManualClock();
  const backend = new FailingBackend({ historyRevisionsMax: 1_000, historyBytesMax: 1_000_000 });
  const schedule = (run: () => void): void => {
    setImmediate(run);
  };
  return { store: new EmbeddedStore({ backend, clock, schedule }), backend, clock };
}

it("a commit of unknown outcome is told as such, and the store closes itself", async () => {
  const { store, backend, clock } = makeFailing();
  const lease = must(await store.grantLease(1_000));
  const reader = read(store, "", 1);
  const ended = reader.error();
  backend.script = ["broken"];
  const unknown = store.txn({ compare: [], then: [put("a", 1)] });
  const error = errorOf(await unknown);
  assert.equal(error.kind, "unavailable");
  assert.equal(error.mayHaveTakenEffect, true);
  assert.equal((await ended).kind, "closed");
  await reader.ended();
  const late = errorOf(await store.txn({ compare: [], then: [put("b", 1)] }));
  assert.equal(late.kind, "closed");
  assert.equal(late.mayHaveTakenEffect, false);
  assert.match(late.message, /closed itself: the disk is broken/);
  assert.equal(errorOf(await store.keepLeaseAlive(lease)).kind, "closed");
  const gotten = await store.get("a");
  assert.ok(!gotten.ok && gotten.error.kind === "closed");
  assert.equal(clock.timerCount, 0);
  await store.close();
});

it("writes that waited behind a broken commit were not done", async () => {
  const { store, backend } = makeFailing();
  backend.script = ["refused", "broken"];
  const txns = ["a", "b", "c"].map((key) => store.txn({ compare: [], then: [put(key, 1)] }));
  const errors = (await Promise.all(txns)).map(errorOf);
  assert.deepEqual(
    errors.map((error) => error.mayHaveTakenEffect),
    [true, false, false],
  );
  assert.equal(backend.commitCount, 0);
});

it("a failure before the commit is `unavailable` without effect, and the store goes on", async () => {
  const { store, backend } = makeFailing();
  backend.script = ["unavailable"];
  const error = errorOf(await store.txn({ compare: [], then: [put("a", 1)] }));
  assert.deepEqual([error.kind, error.mayHaveTakenEffect], ["unavailable", false]);
  await write(store, put("a", 2));
  assert.equal((await entryOf(store, "a"))?.modRevision, 1);
});

it("a write that does not fit does not take its neighbours with it", async () => {
  const { store, backend } = makeFailing();
  backend.script = ["refused", "fine", "refused", "fine"];
  const txns = ["a", "b", "c"].map((key) => store.txn({ compare: [], then: [put(key, 1)] }));
  const done = (await Promise.all(txns)).map((result) => result.ok);
  assert.deepEqual(done, [true, false, true]);
  assert.equal(await revisionOf(store), 2);
});

it("a group shares one commit", async () => {
  const { store, backend } = makeFailing();
  const txns = Array.from({ length: 100 }, (_, index) => write(store, put("k", index)));
  await Promise.all(txns);
  assert.equal(backend.commitCount, 1);
});

it("too many waiting writes are refused, the others are done", async () => {
  const { store } = makeFailing();
  const txns = Array.from({ length: 10_001 }, () =>
    store.txn({ compare: [], then: [put("k", 1)] }),
  );
  const results = await Promise.all(txns);
  assert.equal(results.filter((result) => result.ok).length, 10_000);
  const refused = results.at(-1);
  assert.ok(refused !== undefined && !refused.ok && refused.error.kind === "refused");
});

it("a lease whose end cannot be written is tried again with growing pauses, and stays dead", async () => {
  const { store, backend, clock } = makeFailing();
  const lease = must(await store.grantLease(1_000));
  await write(store, put("k", 1, lease));
  backend.script = Array.from({ length: 4 }, () => "refused");
  clock.advance(1_000);
  for (const pauseMs of [100, 200, 400, 800]) {
    await new Promise(setImmediate);
    assert.equal(errorOf(await store.keepLeaseAlive(lease)).kind, "lease-not-found");
    assert.equal((await entryOf(store, "k"))?.value, 1);
    const left = backend.script.length;
    clock.advance(pauseMs - 1);
    await new Promise(setImmediate);
    assert.equal(backend.script.length, left, `not again before ${pauseMs} ms are over`);
    clock.advance(1);
  }
  await new Promise(setImmediate);
  assert.equal(await entryOf(store, "k"), undefined);
  assert.equal(clock.timerCount, 0);
});

it("a revoke that is refused leaves the lease alive", async () => {
  const { store, backend } = makeFailing();
  const lease = must(await store.grantLease(1_000));
  await write(store, put("k", 1, lease));
  backend.script = ["refused"];
  assert.equal(errorOf(await store.revokeLease(lease)).kind, "refused");
  must(await store.keepLeaseAlive(lease));
  await write(store, put("k", 2, lease));
  must(await store.revokeLease(lease));
  assert.equal(await entryOf(store, "k"), undefined);
});

it("a group that is refused and done again one by one ends a lease only once", async () => {
  const { store, backend } = makeFailing();
  const lease = must(await store.grantLease(1_000));
  await write(store, put("k", 1, lease));
  backend.script = ["refused", "refused"];
  const first = store.revokeLease(lease);
  const second = store.revokeLease(lease);
  assert.equal(errorOf(await first).kind, "refused");
  must(await second);
  assert.equal(await entryOf(store, "k"), undefined);
  assert.equal(await revisionOf(store), 2);
});

it("a failed sync while tidying up closes the store; no room for it does not", async () => {
  const { store, backend } = makeFailing();
  const reader = read(store, "none", 1);
  const ended = reader.error();
  backend.maintenance = "refused";
  await write(store, put("a", 1));
  await write(store, put("a", 2));
  backend.maintenance = "broken";
  await write(store, put("a", 3));
  assert.match((await ended).message, /closed itself/);
});
