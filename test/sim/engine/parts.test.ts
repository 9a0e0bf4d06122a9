import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Network } from "../../../src/sim/engine/network.ts";
import { NodeClock } from "../../../src/sim/engine/node-clock.ts";
import { Process } from "../../../src/sim/engine/process.ts";
import { createRandom } from "../../../src/sim/engine/random.ts";
import { Schedule } from "../../../src/sim/engine/schedule.ts";
import { Timer } from "../../../src/sim/engine/timer.ts";
import { SimulatedStore } from "../../../src/sim/store/simulated-store.ts";
import { nodeOf } from "./support.ts";

const seed = Number(process.env["HOLDFAST_SEED"] ?? Math.floor(Math.random() * 2 ** 32));

function runAll(schedule: Schedule): void {
  while (schedule.runNext()) assert.ok(schedule.nowMs < 1e9, "the play ends");
}

describe("Schedule", () => {
  it("runs events in order of time, and those of one instant as they were planned", () => {
    console.log(`HOLDFAST_SEED=${seed}`);
    const random = createRandom(seed, "schedule test");
    const schedule = new Schedule();
    const planned = Array.from({ length: 500 }, (_, index) => ({ atMs: random.below(50), index }));
    const ran: { atMs: number; index: number }[] = [];
    for (const event of planned) schedule.at(event.atMs, () => ran.push(event));
    runAll(schedule);
    assert.deepEqual(
      ran,
      planned.toSorted((left, right) => left.atMs - right.atMs),
    );
  });

  it("refuses what lies in the past", () => {
    const schedule = new Schedule();
    schedule.advanceTo(10);
    assert.throws(() => schedule.at(9, () => {}), /scheduled for the past/);
  });
});

describe("Timer", () => {
  it("rings once, at the instant that it was set to last", () => {
    const schedule = new Schedule();
    const rang: number[] = [];
    const timer = new Timer(schedule, () => rang.push(schedule.nowMs));
    timer.set(10);
    timer.set(30);
    timer.set(20);
    runAll(schedule);
    assert.deepEqual(rang, [20]);
  });

  it("does not ring after it was cleared", () => {
    const schedule = new Schedule();
    const timer = new Timer(schedule, () => assert.fail("it rang"));
    timer.set(10);
    timer.clear();
    runAll(schedule);
  });
});

describe("NodeClock", () => {
  for (const ppm of [-1_000, -1, 0, 1, 1_000]) {
    it(`rings when it shows the instant, at ${ppm} ppm and after a change of its rate`, () => {
      const schedule = new Schedule();
      const clock = new NodeClock(schedule);
      clock.setError(ppm);
      const rang: number[] = [];
      const timer = clock.timer(() => rang.push(clock.nowMs));
      timer.set(5_994);
      schedule.at(3_000, () => clock.setError(-ppm));
      runAll(schedule);
      assert.equal(rang.length, 1);
      assert.ok((rang[0] ?? 0) >= 5_994 && (rang[0] ?? 0) < 5_994.01, `rang at ${rang[0]}`);
    });
  }
});

describe("Process", () => {
  it("does what came while it was paused when it goes on, and nothing after its end", () => {
    const schedule = new Schedule();
    const process = new Process(schedule);
    const done: string[] = [];
    process.pause(true);
    process.enter(() => done.push("first"));
    process.enter(() => done.push("second"));
    assert.equal(done.length, 0);
    process.pause(false);
    runAll(schedule);
    assert.deepEqual(done, ["first", "second"]);
    process.end();
    process.enter(() => done.push("late"));
    assert.deepEqual(done, ["first", "second"]);
  });
});

describe("createRandom()", () => {
  it("gives the same stream for the same seed and purpose, and others for others", () => {
    const take = (from: number, purpose: string): readonly number[] => {
      const random = createRandom(from, purpose);
      return Array.from({ length: 5 }, () => random.next());
    };
    assert.deepEqual(take(3, "a"), take(3, "a"));
    assert.notDeepEqual(take(3, "a"), take(4, "a"));
    assert.notDeepEqual(take(3, "a"), take(3, "b"));
  });
});

describe("Network", () => {
  const [one, two, three] = [nodeOf("node1"), nodeOf("node2"), nodeOf("node3")];

  function networkOf(schedule: Schedule): Network {
    const nodes = [one, two, three];
    const random = createRandom(1, "network test");
    const network = new Network({ schedule, random, messageMs: 1, nodes, voters: nodes });
    for (const node of nodes) {
      network.setPower(node, true);
      network.setConnected(node, true);
    }
    return network;
  }

  it("loses what is under way to a node that loses power, though it is back when it would arrive", () => {
    const schedule = new Schedule();
    const network = networkOf(schedule);
    network.send(one, two, () => assert.fail("it arrived"));
    network.setPower(two, false);
    network.setPower(two, true);
    runAll(schedule);
  });

  it("counts only who can be talked to in both directions for a majority", () => {
    const network = networkOf(new Schedule());
    assert.equal(network.isQuorate(one), true);
    network.setCut(two, one, true);
    assert.equal(network.isQuorate(one), true);
    network.setCut(one, three, true);
    assert.equal(network.isQuorate(one), false);
    assert.equal(network.isQuorate(two), true);
  });
});

describe("SimulatedStore", () => {
  it("ends a lease exactly its time after it was kept alive last, and deletes its keys in one revision", () => {
    const schedule = new Schedule();
    const store = new SimulatedStore(schedule);
    const leaseId = store.grantLease(100);
    store.txn({
      compare: [],
      then: ["a", "b"].map((key) => ({ kind: "put", key, value: 1, leaseId }) as const),
    });
    schedule.at(60, () => store.keepLeaseAlive(leaseId));
    const ended: number[] = [];
    store.onChange(() => ended.push(schedule.nowMs));
    runAll(schedule);
    assert.deepEqual(ended, [160]);
    assert.equal(store.revision, 2);
    assert.deepEqual(store.range(""), []);
    assert.equal(store.keepLeaseAlive(leaseId).ok, false);
  });

  it("does a transaction whole or not at all, by what its comparisons find", () => {
    const store = new SimulatedStore(new Schedule());
    const put = (key: string) => ({ kind: "put", key, value: 1 }) as const;
    store.txn({ compare: [{ kind: "absent", key: "a" }], then: [put("a")] });
    const second = store.txn({ compare: [{ kind: "absent", key: "a" }], then: [put("b")] });
    assert.deepEqual(second, { ok: true, value: { succeeded: false, revision: 1 } });
    assert.equal(store.get("b"), undefined);
    store.txn({ compare: [], then: [put("a")] });
    const created = store.get("a");
    assert.deepEqual([created?.createRevision, created?.modRevision], [1, 2]);
    const stale = store.txn({
      compare: [{ kind: "modified-at", key: "a", revision: 1 }],
      then: [put("b")],
    });
    assert.equal(stale.ok && stale.value.succeeded, false);
  });
});
