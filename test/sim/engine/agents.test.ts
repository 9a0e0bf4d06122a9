import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ServicePlan } from "../../../src/sim/plan.ts";
import type { TraceLine } from "../../../src/sim/trace.ts";
import { at, nodeOf, planOf, play, servicePlan, whereRuns } from "./support.ts";

const [node1, node2, node3] = [nodeOf("node1"), nodeOf("node2"), nodeOf("node3")];
const one = (changes: Partial<ServicePlan> = {}): ServicePlan =>
  servicePlan("vm:101", { node: node1, ...changes });
const { id } = one();

function actions(trace: readonly TraceLine[]): readonly string[] {
  return trace.flatMap((line) =>
    line.kind === "action" ? [`${line.action}-${line.phase}@${line.node}`] : [],
  );
}
const started = ["start-begin@node1", "start-ok@node1"];

describe("a simulated agent", () => {
  it("adopts what runs when it is restarted within the guard's grace", () => {
    const crash = { kind: "crash", node: node1, part: "agent", restartAfterMs: 200 } as const;
    const { world, trace } = play(planOf({ services: [one()], actions: [at(20, crash)] }));
    assert.deepEqual(actions(trace), started);
    assert.deepEqual(whereRuns(world, id), [node1]);
    assert.equal(world.leaseOf(node1)?.epoch, 1);
    assert.equal(world.nodes()[0]?.agent?.slots.get(id)?.phase.kind, "running");
  });

  it("that stays away is outlived by its guard, which kills and says so: recovery is quick", () => {
    const crash = { kind: "crash", node: node1, part: "agent", restartAfterMs: 60_000 } as const;
    const { world, changes, overlaps } = play(
      planOf({ services: [one()], actions: [at(20, crash)], endAtMs: 40_000 }),
    );
    assert.deepEqual(overlaps, []);
    const again = changes.filter(({ state }) => state === "starting")[1];
    assert.ok(again !== undefined && again.atMs < 21_000, `started again at ${again?.atMs}`);
    assert.notDeepEqual(whereRuns(world, id), [node1]);
  });

  it("that is paused loses its services to its guard before they start elsewhere", () => {
    const { world, overlaps } = play(
      planOf({
        services: [one()],
        actions: [
          at(20, { kind: "pause", node: node1, part: "agent", on: true }),
          at(40, { kind: "pause", node: node1, part: "agent", on: false }),
        ],
      }),
    );
    assert.deepEqual(overlaps, []);
    assert.equal(whereRuns(world, id).length, 1);
    assert.equal(world.nodeStateOf(node1), "online");
  });

  it("restarts what has ended by itself, on its own", () => {
    const { trace } = play(
      planOf({ services: [one()], actions: [at(20, { kind: "workload-exit", service: id })] }),
    );
    assert.deepEqual(actions(trace), [...started, ...started]);
  });

  it("retries a failing start, then the service is tried on another node", () => {
    const misbehaviour = {
      failingStarts: 2,
      failingMoves: 0,
      cannotStop: false,
      missing: false,
      onlyOn: node1,
    };
    const { world, trace } = play(planOf({ services: [one({ misbehaviour })] }));
    const failing = ["start-begin@node1", "start-fail@node1"];
    assert.deepEqual(actions(trace).slice(0, 4), [...failing, ...failing]);
    assert.equal(whereRuns(world, id).length, 1);
    assert.notDeepEqual(whereRuns(world, id), [node1]);
  });

  it("moves a service live: the copy on the target executes only when its start is confirmed", () => {
    const move = { kind: "move", service: id, by: "migrate", target: node2 } as const;
    const { world, trace, overlaps, changes } = play(
      planOf({ services: [one({ moveBy: "live" })], actions: [at(20, move)] }),
    );
    assert.deepEqual(overlaps, []);
    assert.deepEqual(actions(trace), [...started, "migrate-begin@node1", "migrate-ok@node1"]);
    assert.deepEqual(whereRuns(world, id), [node2]);
    assert.ok(changes.some(({ node, state }) => node === node2 && state === "parked"));
  });

  it("moves a service cold: stopped, handed over, started", () => {
    const move = { kind: "move", service: id, by: "relocate", target: node2 } as const;
    const { trace } = play(
      planOf({ services: [one({ moveBy: "cold" })], actions: [at(20, move)] }),
    );
    assert.deepEqual(actions(trace), [
      ...started,
      "relocate-begin@node1",
      "stop-begin@node1",
      "stop-ok@node1",
      "relocate-ok@node1",
      "start-begin@node2",
      "start-ok@node2",
    ]);
  });

  it("leaves a locked service where it is", () => {
    const move = { kind: "move", service: id, by: "relocate", target: node2 } as const;
    const { world, trace } = play(
      planOf({
        services: [one({ moveBy: "cold" })],
        actions: [at(10, { kind: "lock", service: id, name: "backup" }), at(20, move)],
      }),
    );
    assert.deepEqual(actions(trace), [...started, "move-fail@node1"]);
    assert.deepEqual(whereRuns(world, id), [node1]);
  });

  it("that is restarted lets go of lease and guard, its services run on", () => {
    const { world, trace, changes } = play(
      planOf({ services: [one()], actions: [at(20, { kind: "restart-agent", node: node1 })] }),
    );
    assert.deepEqual(actions(trace), started);
    assert.ok(!changes.some(({ state }) => state === "gone"));
    assert.deepEqual(whereRuns(world, id), [node1]);
    assert.equal(world.leaseOf(node1)?.epoch, 2);
    assert.equal(world.statusOf(id)?.state, "started");
    assert.equal([...world.copies.values()][0]?.tracked, true);
  });

  it("reboots its node: frozen, and started there again", () => {
    const { world, trace } = play(
      planOf({
        services: [one()],
        actions: [at(20, { kind: "reboot", node: node1 })],
        endAtMs: 120_000,
      }),
    );
    assert.deepEqual(actions(trace), [...started, "stop-begin@node1", "stop-ok@node1", ...started]);
    assert.deepEqual(whereRuns(world, id), [node1]);
  });

  it("shuts its node down: stopped, and recovered elsewhere", () => {
    const { world, overlaps } = play(
      planOf({
        services: [one()],
        actions: [at(20, { kind: "shutdown", node: node1 })],
        endAtMs: 120_000,
      }),
    );
    assert.deepEqual(overlaps, []);
    assert.equal(world.nodes()[0]?.powered, false);
    assert.equal(whereRuns(world, id).length, 1);
  });

  it("shuts its node down with policy migrate: moved away first", () => {
    const { world, trace } = play(
      planOf({
        services: [one({ moveBy: "live" })],
        settings: { shutdownPolicy: "migrate" },
        actions: [at(20, { kind: "shutdown", node: node1 })],
        endAtMs: 120_000,
      }),
    );
    assert.deepEqual(actions(trace), [...started, "migrate-begin@node1", "migrate-ok@node1"]);
    assert.equal(world.nodes()[0]?.powered, false);
    assert.equal(whereRuns(world, id).length, 1);
  });

  it("goes to the next server when its own is gone", () => {
    const { world, changes } = play(
      planOf({
        services: [one()],
        actions: [
          at(20, { kind: "stop-server", node: node1 }),
          at(40, { kind: "request", service: id, state: "stopped" }),
        ],
        endAtMs: 80_000,
      }),
    );
    assert.equal(world.leaseOf(node1)?.epoch, 1);
    assert.equal(world.statusOf(id)?.state, "stopped");
    assert.equal(changes.filter(({ state }) => state === "gone").length, 1);
  });

  it("with rounds, acts only in them", () => {
    const { trace } = play(
      planOf({
        services: [one()],
        pace: { roundMs: 20_000, operationMs: 2_000, presence: true, watchdog: "reset" },
        settings: { times: { ttlMs: 120_000, watchdogMs: 60_000, renewEveryMs: 10_000 } },
        endAtMs: 120_000,
      }),
    );
    const begins = trace.flatMap((line) =>
      line.kind === "action" && line.phase === "begin" ? [line.t % 20] : [],
    );
    assert.equal(begins.length, 1);
    for (const offset of begins) assert.ok(offset >= 0.5 && offset < 1, `began ${offset} s late`);
  });

  it("takes up what the plan says has been running", () => {
    const plan = planOf({ services: [one(), servicePlan("vm:102", { node: node3 })] });
    const before = play(plan, 20_000).world;
    const initial = {
      statuses: before.statuses(),
      nodeStates: [node1, node2, node3].map((node) => ({ node, state: "online" as const })),
      running: [...before.copies.values()].map(({ service, node }) => ({ service, node })),
    };
    const { world, trace, changes } = play({ ...plan, initial });
    assert.deepEqual(actions(trace), []);
    assert.ok(!changes.some(({ state }) => state === "gone"));
    assert.deepEqual(whereRuns(world, id), [node1]);
    assert.equal(world.leaseOf(node1)?.epoch, 1);
  });
});
