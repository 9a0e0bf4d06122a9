import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { TraceLine } from "../../../src/sim/trace.ts";
import { adding, at, nodeOf, planOf, play, serviceOf, servicePlan, whereRuns } from "./support.ts";

const [node1, node2, node3] = [nodeOf("node1"), nodeOf("node2"), nodeOf("node3")];
const spread = [node1, node2, node3, node1, node2, node3].map((node, index) =>
  servicePlan(`vm:${101 + index}`, { node }),
);
const ids = spread.map(({ id }) => id);

function actions(trace: readonly TraceLine[], service: string): readonly string[] {
  return trace.flatMap((line) =>
    line.kind === "action" && line.service === service
      ? [`${line.action}-${line.phase}@${line.node}`]
      : [],
  );
}

function decisions(trace: readonly TraceLine[], service: string): readonly string[] {
  return trace.flatMap((line) =>
    line.kind === "decision" && line.service === service ? [line.state] : [],
  );
}

function nodeLines(trace: readonly TraceLine[], node: string): readonly string[] {
  return trace.flatMap((line) =>
    (line.kind === "node" || line.kind === "self-fenced" || line.kind === "fence-acknowledged") &&
    line.node === node
      ? [line.kind === "node" ? line.state : line.kind]
      : [],
  );
}

describe("createWorld()", () => {
  it("starts every service where it is configured, once", () => {
    const { world, trace, overlaps } = play(
      planOf({
        services: [],
        power: "off",
        actions: [
          ...adding(spread),
          at(1, { kind: "power", node: node1, on: true }),
          at(1, { kind: "power", node: node2, on: true }),
          at(1, { kind: "power", node: node3, on: true }),
        ],
      }),
    );
    for (const { id, node } of spread) {
      assert.deepEqual(whereRuns(world, id), [node]);
      assert.deepEqual(actions(trace, id), [`start-begin@${node}`, `start-ok@${node}`]);
      assert.deepEqual(decisions(trace, id), ["managed", "request_start", "started"]);
    }
    assert.deepEqual(overlaps, []);
  });

  it("recovers a powerless node's services exactly once, not before its lease has ended", () => {
    const { world, trace, overlaps, changes } = play(
      planOf({
        services: [],
        actions: [...adding(spread), at(20, { kind: "power", node: node3, on: false })],
      }),
    );
    assert.deepEqual(overlaps, []);
    for (const id of ids) assert.equal(whereRuns(world, id).length, 1, id);
    for (const id of [serviceOf("vm:103"), serviceOf("vm:106")]) {
      assert.deepEqual(decisions(trace, id).slice(3), ["fence", "recovery", "started"]);
      const starts = changes.filter((one) => one.service === id && one.state === "starting");
      assert.equal(starts.length, 2);
      const again = starts[1]?.atMs ?? 0;
      // The last renewal was sent within a second before the loss; its lease lives for six.
      assert.ok(again >= 25_000 && again <= 26_500, `started again at ${again}`);
    }
    assert.deepEqual(nodeLines(trace, "node3"), [
      "online",
      "unknown",
      "fence",
      "fence-acknowledged",
      "unknown",
    ]);
  });

  it("takes a node back that has power again, under a new epoch", () => {
    const { world } = play(
      planOf({
        services: [],
        actions: [
          ...adding(spread),
          at(20, { kind: "power", node: node3, on: false }),
          at(40, { kind: "power", node: node3, on: true }),
        ],
        endAtMs: 90_000,
      }),
    );
    assert.equal(world.nodeStateOf(node3), "online");
    assert.ok((world.leaseOf(node3)?.epoch ?? 0) >= 2);
  });

  it("kills on a node that is cut off, before it starts elsewhere", () => {
    const { world, trace, overlaps, changes } = play(
      planOf({
        services: [],
        actions: [...adding(spread), at(20, { kind: "network", node: node3, on: false })],
      }),
    );
    const id = serviceOf("vm:103");
    assert.deepEqual(overlaps, []);
    const gone = changes.find((one) => one.service === id && one.state === "gone");
    const starts = changes.filter((one) => one.service === id && one.state === "starting");
    assert.ok(gone !== undefined && gone.atMs < (starts[1]?.atMs ?? 0));
    assert.equal(whereRuns(world, id).length, 1);
    assert.notDeepEqual(whereRuns(world, id), [node3]);
    assert.ok(trace.some((line) => line.kind === "note" && line.sentence.includes("lease")));
  });

  it("bears a cut in one direction", () => {
    const cut = (from: typeof node1, to: typeof node1, on: boolean) =>
      ({ kind: "cut", from, to, on }) as const;
    const { world, overlaps } = play(
      planOf({
        services: [],
        actions: [
          ...adding(spread),
          at(20, cut(node3, node1, true)),
          at(20, cut(node3, node2, true)),
          at(60, cut(node3, node1, false)),
          at(60, cut(node3, node2, false)),
        ],
        endAtMs: 120_000,
      }),
    );
    assert.deepEqual(overlaps, []);
    for (const id of ids) assert.equal(whereRuns(world, id).length, 1, id);
    assert.equal(world.nodeStateOf(node3), "online");
  });

  it("goes on when the manager's server is killed in the middle of a failover", () => {
    const whole = play(
      planOf({
        services: [],
        actions: [...adding(spread), at(20, { kind: "power", node: node3, on: false })],
      }),
    );
    const fenced = whole.trace.find((line) => line.kind === "fence-acknowledged");
    assert.ok(fenced !== undefined && "t" in fenced);
    for (const offsetMs of [-6, -4, -2, 0, 1, 2, 3, 4, 6, 10]) {
      const atMs: number = fenced.t * 1_000 + offsetMs;
      const crash = { kind: "crash", node: node1, part: "server", restartAfterMs: 3_000 } as const;
      const { world, overlaps } = play(
        planOf({
          services: [],
          actions: [
            ...adding(spread),
            at(20, { kind: "power", node: node3, on: false }),
            { atMs, action: crash },
          ],
          endAtMs: 90_000,
        }),
      );
      assert.deepEqual(overlaps, []);
      for (const id of ids) assert.equal(whereRuns(world, id).length, 1, `${id}, crash at ${atMs}`);
      assert.equal(world.managers().length, 1);
    }
  });

  it("heals when the store was unavailable to all, and starts nothing twice", () => {
    const store = (mode: "unavailable" | "ok") =>
      ({ kind: "store", mode, server: undefined }) as const;
    const { world, overlaps } = play(
      planOf({
        services: [],
        actions: [...adding(spread), at(20, store("unavailable")), at(50, store("ok"))],
        endAtMs: 120_000,
      }),
    );
    assert.deepEqual(overlaps, []);
    for (const id of ids) assert.equal(whereRuns(world, id).length, 1, id);
  });

  it("lets services run on through a store outage that is shorter than their leases", () => {
    const store = (mode: "unavailable" | "ok") =>
      ({ kind: "store", mode, server: undefined }) as const;
    const { changes } = play(
      planOf({
        services: [],
        actions: [...adding(spread), at(20, store("unavailable")), at(22, store("ok"))],
      }),
    );
    assert.equal(changes.filter(({ state }) => state === "gone").length, 0);
  });

  it("resets a node whose kernel watchdog is not fed, and recovers after its lease", () => {
    const { world, trace, overlaps } = play(
      planOf({
        services: [],
        pace: { watchdog: "reset" },
        actions: [
          ...adding(spread),
          at(20, { kind: "pause", node: node3, part: "agent", on: true }),
        ],
        endAtMs: 60_000,
      }),
    );
    assert.deepEqual(overlaps, []);
    assert.ok(nodeLines(trace, "node3").includes("self-fenced"));
    assert.equal(world.nodes()[2]?.powered, false);
    for (const id of ids) assert.equal(whereRuns(world, id).length, 1, id);
  });

  it("says in the lease that its loss means a reset while the watchdog is armed, and no longer when it is not", () => {
    const stopAll = ids.map((service) =>
      at(20, { kind: "request", service, state: "stopped" } as const),
    );
    const { world } = play(
      planOf({
        services: [],
        pace: { watchdog: "reset", idleAfterMs: 30_000 },
        actions: [...adding(spread), ...stopAll],
        endAtMs: 100_000,
      }),
      15_000,
    );
    assert.equal(world.leaseOf(node3)?.resetsOnLoss, true);
    world.runUntil(40_000);
    assert.equal(world.leaseOf(node3)?.resetsOnLoss, true);
    world.runUntil(100_000);
    assert.equal(world.leaseOf(node3)?.resetsOnLoss, false);
  });

  for (const ppm of [-1_000, 1_000]) {
    it(`keeps one copy of each service with a clock that is wrong by ${ppm} ppm`, () => {
      const { world, overlaps } = play(
        planOf({
          services: [],
          actions: [
            ...adding(spread),
            at(1, { kind: "clock", node: node3, ppm }),
            at(20, { kind: "network", node: node3, on: false }),
            at(60, { kind: "network", node: node3, on: true }),
            at(90, { kind: "pause", node: node3, part: "agent", on: true }),
            at(120, { kind: "pause", node: node3, part: "agent", on: false }),
          ],
          endAtMs: 200_000,
        }),
      );
      assert.deepEqual(overlaps, []);
      for (const id of ids) assert.equal(whereRuns(world, id).length, 1, id);
    });
  }

  it("plays the same plan to the same trace, and another one with another seed and jitter", () => {
    const trace = (seed: number): string => {
      const link = {
        kind: "link",
        node: node2,
        delayMs: 2,
        lossShare: 0.05,
        jitterMs: 20,
      } as const;
      const plan = planOf({
        services: [],
        seed,
        actions: [
          ...adding(spread),
          at(1, link),
          at(20, { kind: "power", node: node3, on: false }),
        ],
      });
      return play(plan)
        .trace.map((line) => JSON.stringify(line))
        .join("\n");
    };
    assert.equal(trace(7), trace(7));
    assert.notEqual(trace(7), trace(8));
  });
});
