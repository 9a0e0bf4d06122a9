/** Changed times of a live lease, as a table and as a property over random histories with requests that arrive late. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  type AnsweredLease,
  type CountedLease,
  countedLease,
  leaseChangeOf,
} from "../../src/core/model/lease-change.ts";
import { type LeaseTimes, profiles } from "../../src/core/model/times.ts";

const { fast, balanced, patient } = profiles;

test("leaseChangeOf() lengthens at once and shortens on the node's word alone", () => {
  const table: readonly [
    LeaseTimes | undefined,
    LeaseTimes,
    number | undefined,
    ReturnType<typeof leaseChangeOf>,
  ][] = [
    [undefined, fast, undefined, "keep"],
    [fast, fast, undefined, "keep"],
    [fast, patient, undefined, "wanted"],
    [fast, patient, 3_000, "wanted"],
    [patient, fast, undefined, "keep"],
    [patient, fast, 60_000, "keep"],
    [patient, fast, 6_000, "keep"],
    [patient, fast, 3_000, "wanted"],
    [patient, balanced, 3_000, "wanted"],
    [patient, patient, 3_000, "anew"],
    [patient, { ...patient, renewEveryMs: fast.renewEveryMs }, 3_000, "wanted"],
  ];
  for (const [granted, wanted, countsOnMs, change] of table) {
    assert.equal(leaseChangeOf(granted, wanted, countsOnMs), change);
  }
});

interface Lease {
  readonly id: string;
  readonly times: LeaseTimes;
}

/** A node and a server whose messages may be lost, late, and twice. */
class Line {
  lease: Lease = { id: "1", times: balanced };
  counted: CountedLease = { leaseId: "1", countsOn: undefined };
  #requests: CountedLease[] = [];
  #answers: AnsweredLease[] = [];
  #lastId = 1;

  send(): void {
    this.#requests.push(this.counted);
  }

  /** Any request that was ever sent, by any server. */
  take(which: number, wanted: LeaseTimes): void {
    const request = this.#requests[which % Math.max(1, this.#requests.length)];
    if (request === undefined) return;
    const said = request.leaseId === this.lease.id ? request.countsOn?.ttlMs : undefined;
    const change = leaseChangeOf(this.lease.times, wanted, said);
    if (change !== "keep") {
      this.#lastId += 1;
      const times = change === "wanted" ? wanted : this.lease.times;
      this.lease = { id: String(this.#lastId), times };
    }
    const { id: leaseId, times } = this.lease;
    const shorter = wanted.ttlMs < times.ttlMs ? wanted : undefined;
    this.#answers.push({ leaseId, times, shorter });
  }

  /** The node takes the last answer, or misses it. */
  hear(isLost: boolean): void {
    const answer = this.#answers.pop();
    this.#answers = [];
    if (answer !== undefined && !isLost) {
      this.counted = countedLease(answer, this.counted);
      this.#times = this.counted.countsOn ?? answer.times;
    }
  }

  #times: LeaseTimes = balanced;

  /** What the node counts on from a renewal that succeeds now. */
  get countedMs(): number {
    return this.#times.ttlMs;
  }
}

test("a node never counts on more than the store's lease has, whatever is lost or comes late", () => {
  const wishes = fc.constantFrom(fast, balanced, patient);
  const act = fc.oneof(
    fc.record({ kind: fc.constant("send" as const) }),
    fc.record({ kind: fc.constant("take" as const), which: fc.nat(20), wanted: wishes }),
    fc.record({ kind: fc.constant("hear" as const), isLost: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const line = new Line();
      for (const each of acts) {
        if (each.kind === "send") line.send();
        else if (each.kind === "take") line.take(each.which, each.wanted);
        else line.hear(each.isLost);
        assert.ok(line.countedMs <= line.lease.times.ttlMs);
      }
    }),
    { numRuns: 20_000 },
  );
});

test("a node and a server that hear each other come to the wanted times within three renewals", () => {
  for (const from of [fast, balanced, patient]) {
    for (const to of [fast, balanced, patient]) {
      const line = new Line();
      const renew = (wanted: LeaseTimes, which: number): void => {
        line.send();
        line.take(which, wanted);
        line.hear(false);
      };
      for (let count = 0; count < 3; count += 1) renew(from, count);
      for (let count = 3; count < 6; count += 1) renew(to, count);
      assert.deepEqual(line.lease.times, to);
      assert.equal(line.countedMs, to.ttlMs);
    }
  }
});
