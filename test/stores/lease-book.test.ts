/** The running time of leases: with one timer, however many there are and however often they are renewed. */
import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { LeaseBook } from "../../src/stores/shared/lease-book.ts";
import { ManualClock } from "./manual-clock.ts";

function makeBook(): { book: LeaseBook; clock: ManualClock; expired: string[] } {
  const clock = new ManualClock();
  const expired: string[] = [];
  const book = new LeaseBook({ clock, onExpired: (leaseId) => expired.push(leaseId) });
  return { book, clock, expired };
}

it("LeaseBook expires leases in order of their ends, each once", () => {
  const { book, clock, expired } = makeBook();
  for (const [leaseId, ttlMs] of [
    ["c", 300],
    ["a", 100],
    ["d", 400],
    ["b", 200],
  ] as const) {
    book.add(leaseId, ttlMs);
  }
  assert.equal(clock.timerCount, 1);
  clock.advance(99);
  assert.deepEqual(expired, []);
  clock.advance(1);
  assert.deepEqual(expired, ["a"]);
  clock.advance(10_000);
  assert.deepEqual(expired, ["a", "b", "c", "d"]);
  assert.equal(clock.timerCount, 0);
});

it("LeaseBook does not renew a lease whose time is over, even before its timer was called", () => {
  const { book, clock, expired } = makeBook();
  book.add("a", 100);
  clock.jump(99);
  assert.equal(book.renew("a"), true);
  clock.jump(100);
  assert.equal(book.renew("a"), false);
  assert.equal(book.isAlive("a"), false);
  assert.deepEqual(expired, []);
  clock.advance(0);
  assert.deepEqual(expired, ["a"]);
  assert.ok(book.has("a"), "until its end is written");
  book.remove("a");
  assert.ok(!book.has("a"));
});

it("LeaseBook forgets a removed lease, and stops with close()", () => {
  const { book, clock, expired } = makeBook();
  book.add("a", 100);
  book.add("b", 200);
  book.remove("a");
  clock.advance(150);
  assert.deepEqual(expired, []);
  book.close();
  assert.equal(clock.timerCount, 0);
  clock.advance(1_000);
  assert.deepEqual(expired, []);
});

it("LeaseBook does as a dumb list does", (t) => {
  const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000_007);
  t.diagnostic(`HOLDFAST_SEED=${seed}`);
  const step = fc.oneof(
    fc.record({ kind: fc.constant("add" as const), ttlMs: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ kind: fc.constant("renew" as const), index: fc.nat({ max: 20 }) }),
    fc.record({ kind: fc.constant("remove" as const), index: fc.nat({ max: 20 }) }),
    fc.record({ kind: fc.constant("advance" as const), spanMs: fc.nat({ max: 20 }) }),
  );
  const property = fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
    const { book, clock, expired } = makeBook();
    const leases: { ttlMs: number; endMs: number; isGone: boolean }[] = [];
    const dead = new Set<string>();
    for (const one of steps) {
      const nowMs = clock.monotonicMs();
      const lease = "index" in one ? leases[one.index] : undefined;
      if (one.kind === "add") {
        book.add(String(leases.length), one.ttlMs);
        leases.push({ ttlMs: one.ttlMs, endMs: nowMs + one.ttlMs, isGone: false });
      } else if (one.kind === "advance") {
        clock.advance(one.spanMs);
        for (const [index, { endMs, isGone }] of leases.entries()) {
          if (!isGone && endMs <= nowMs + one.spanMs) dead.add(String(index));
        }
      } else {
        const isAlive = lease !== undefined && !lease.isGone && nowMs < lease.endMs;
        if (one.kind === "renew") assert.equal(book.renew(String(one.index)), isAlive);
        if (one.kind === "renew" && isAlive) lease.endMs = nowMs + lease.ttlMs;
        if (one.kind === "remove") book.remove(String(one.index));
        if (one.kind === "remove" && lease !== undefined) lease.isGone = true;
      }
      assert.deepEqual(new Set(expired), dead);
      assert.equal(expired.length, dead.size, "each is told once");
      assert.ok(clock.timerCount <= 1);
    }
  });
  fc.assert(property, { seed, numRuns: 300 });
});
