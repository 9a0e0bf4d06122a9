/** What is sent to etcd, what its refusals mean, and in which order calls go. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import { ok } from "../../../src/core/result.ts";
import type { Operation } from "../../../src/ports/store.ts";
import { CallOrder } from "../../../src/stores/etcd/call-order.ts";
import { type Verdict, verdictOf } from "../../../src/stores/etcd/client/failure.ts";
import { etcdTxnOf } from "../../../src/stores/etcd/etcd-txn.ts";
import { KeySpace } from "../../../src/stores/etcd/key-space.ts";
import { checkTxn } from "../../../src/stores/shared/check-txn.ts";
import { ManualClock } from "../manual-clock.ts";

const keys = new KeySpace({ prefix: "/p/", revisionOffset: 100 });

describe("etcdTxnOf()", () => {
  const requestOf = (then: readonly Operation[]) => {
    const checked = checkTxn({ compare: [{ kind: "present", key: "a" }], then });
    assert.ok(checked.ok);
    return etcdTxnOf(checked.value, keys);
  };

  it("reads in a branch that writes nothing, so that a quorum is asked", () => {
    const read = { requestRange: { key: Buffer.from("/p/"), countOnly: true } };
    const idle = requestOf([]);
    assert.deepEqual([idle.success, idle.failure], [[read], [read]]);
    const writing = requestOf([{ kind: "delete", key: "a" }]);
    assert.deepEqual(writing.failure, [read]);
    assert.deepEqual(writing.success, [{ requestDeleteRange: { key: Buffer.from("/p/a") } }]);
  });

  it("sends what is no lease's id as a lease that never is", () => {
    for (const leaseId of ["", "x", "-1", "0", "99999999999999999999"]) {
      const [put] = requestOf([{ kind: "put", key: "a", value: 1, leaseId }]).success;
      assert.ok(put !== undefined && "requestPut" in put);
      assert.equal(put.requestPut.lease, "9223372036854775807");
    }
  });
});

describe("KeySpace", () => {
  it("ends a range after the last key of its prefix", () => {
    const { key, rangeEnd } = keys.rangeOf("a/");
    assert.deepEqual([key.toString(), rangeEnd.toString()], ["/p/a/", "/p/a0"]);
    assert.deepEqual(keys.rangeOf("a/", "a/1").key.toString(), "/p/a/1\0");
    assert.deepEqual(keys.rangeOf("a/", "Z").key.toString(), "/p/a/");
  });
});

describe("verdictOf()", () => {
  const cases: readonly (readonly [number, string, boolean, Verdict["kind"]])[] = [
    [status.UNAVAILABLE, "No connection established. Last error: ...", false, "not-done"],
    [status.DEADLINE_EXCEEDED, "no answer within 2000 ms", true, "unknown"],
    [status.UNAVAILABLE, "Connection dropped", true, "unknown"],
    [status.CANCELLED, "Cancelled on client", true, "unknown"],
    [status.UNAVAILABLE, "etcdserver: no leader", true, "not-done"],
    [status.UNAVAILABLE, "etcdserver: rpc not supported for learner", true, "not-done"],
    [status.UNKNOWN, "raft proposal dropped", true, "not-done"],
    [status.RESOURCE_EXHAUSTED, "etcdserver: too many requests", true, "not-done"],
    [status.UNAVAILABLE, "etcdserver: leader changed", true, "unknown"],
    [status.UNAVAILABLE, "etcdserver: server stopped", true, "unknown"],
    [status.UNAVAILABLE, "etcdserver: request timed out", true, "unknown"],
    [
      status.UNAVAILABLE,
      "etcdserver: request timed out, possibly due to previous leader failure",
      true,
      "unknown",
    ],
    [status.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded", true, "full"],
    [status.INVALID_ARGUMENT, "etcdserver: request is too large", true, "refused"],
    [status.INVALID_ARGUMENT, "etcdserver: too many operations in txn request", true, "refused"],
    [status.PERMISSION_DENIED, "etcdserver: permission denied", true, "refused"],
    [status.NOT_FOUND, "etcdserver: requested lease not found", true, "lease-not-found"],
    [
      status.OUT_OF_RANGE,
      "etcdserver: mvcc: required revision has been compacted",
      true,
      "compacted",
    ],
    [status.RESOURCE_EXHAUSTED, "Received message larger than max (9 vs 8)", true, "too-large"],
  ];
  for (const [code, details, wasSent, kind] of cases) {
    it(`takes "${details}" for ${kind}`, () => {
      assert.equal(verdictOf({ code, details, wasSent }).kind, kind);
    });
  }
});

describe("CallOrder", () => {
  it("keeps calls of one name in order, and lets others pass", async () => {
    const order = new CallOrder(new ManualClock());
    const log: string[] = [];
    const gates = new Map<string, () => void>();
    const call = (id: string, names: readonly string[]) =>
      order.do({
        names,
        sizeBytes: 0,
        run: async () => {
          log.push(`${id} begins`);
          await new Promise<void>((resolve) => gates.set(id, resolve));
          return ok(id);
        },
      });
    const calls = [call("1", ["a"]), call("2", ["a", "b"]), call("3", ["b"]), call("4", ["c"])];
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    await settle();
    assert.deepEqual(log, ["1 begins", "4 begins"]);
    for (const id of ["1", "2", "3"]) {
      gates.get(id)?.();
      await settle();
    }
    assert.deepEqual(log, ["1 begins", "4 begins", "2 begins", "3 begins"]);
    gates.get("4")?.();
    await Promise.all(calls);
  });

  it("gives up a call that waits too long, without letting later ones pass", async () => {
    const clock = new ManualClock();
    const order = new CallOrder(clock);
    const first = Promise.withResolvers<void>();
    let laterBegan = false;
    const slow = order.do({
      names: ["a"],
      sizeBytes: 0,
      run: () => first.promise.then(() => ok(1)),
    });
    const waiting = order.do({ names: ["a"], sizeBytes: 0, run: () => Promise.resolve(ok(2)) });
    clock.advance(6_000);
    const gaveUp = await waiting;
    assert.ok(!gaveUp.ok && !gaveUp.error.mayHaveTakenEffect);
    const later = order.do({
      names: ["a"],
      sizeBytes: 0,
      run: () => {
        laterBegan = true;
        return Promise.resolve(ok(3));
      },
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(laterBegan, false);
    first.resolve();
    assert.ok((await slow).ok && (await later).ok);
  });
});
