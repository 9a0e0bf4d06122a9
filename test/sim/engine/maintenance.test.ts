/** Maintenance that is over soon, with the agents' own logic: who stays, who comes back, and that nobody runs twice. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Plan, ServicePlan } from "../../../src/sim/plan.ts";
import { PlanPlay } from "../../../src/sim/story/play-plan.ts";
import { at, nodeOf, planOf, play, servicePlan, whereRuns } from "./support.ts";

const node = nodeOf("node1");
const onNode1 = (moveBy: ServicePlan["moveBy"], count = 6): readonly ServicePlan[] =>
  Array.from({ length: count }, (_, index) => servicePlan(`vm:${101 + index}`, { node, moveBy }));

/**
 * All on node1, which is in maintenance from second 40 on for so long; one operation at a time, of two seconds. Whoever
 * waited for the manager's round would be seen: it is long.
 */
function planWith(services: readonly ServicePlan[], forMs: number): Plan {
  return planOf({
    services: [],
    settings: { operationsPerNode: 1, roundMs: 60_000 },
    pace: { operationMs: 2_000 },
    actions: [
      ...services.map((service) => at(5, { kind: "add", service, running: false } as const)),
      at(40, { kind: "maintenance", node, on: true }),
      at(40 + forMs / 1_000, { kind: "maintenance", node, on: false }),
    ],
    endAtMs: 150_000,
  });
}

describe("maintenance that is switched off at once", () => {
  it("interrupts only the service whose stop has begun, once, and moves no other", () => {
    const services = onNode1("stop");
    const { world, changes, overlaps } = play(planWith(services, 500));
    assert.deepEqual(overlaps, []);
    for (const { id } of services) assert.deepEqual(whereRuns(world, id), [node], id);
    const later = changes.filter(({ atMs, state }) => atMs >= 40_000 && state === "starting");
    const startedAnew = later.map((change) => `${change.service} on ${change.node}`);
    assert.equal(startedAnew.length, 1, startedAnew.join());
    assert.match(startedAnew[0] ?? "", / on node1$/);
    const [restart] = later;
    assert.ok((restart?.atMs ?? 0) < 44_000, "it is started again when its stop is over");
  });

  it("brings those back without a pause that have left already", () => {
    const services = onNode1("stop");
    const { world, changes, overlaps } = play(planWith(services, 7_000));
    assert.deepEqual(overlaps, []);
    for (const { id } of services) assert.deepEqual(whereRuns(world, id), [node], id);
    const elsewhere = changes.filter((one) => one.state === "starting" && one.node !== node);
    assert.ok(elsewhere.length >= 2 && elsewhere.length < services.length, `${elsewhere.length}`);
    const last = Math.max(...changes.map(({ atMs }) => atMs));
    const wholeMs = (elsewhere.length + 1) * 4_000 + 2_000;
    assert.ok(last < 47_000 + wholeMs, `all is as before after ${last - 47_000} ms`);
  });
});

describe("maintenance of any length keeps every safety rule", () => {
  for (const moveBy of ["stop", "cold", "live"] as const) {
    it(`with services that move by ${moveBy}`, () => {
      for (let forMs = 0; forMs <= 12_000; forMs += 293) {
        const services = onNode1(moveBy, 3);
        const plan = planWith(services, forMs);
        const watched = new PlanPlay({ plan });
        while (!watched.isOver) watched.advance(60_000);
        assert.deepEqual(watched.end().violations, [], `off after ${forMs} ms`);
        const { world } = play(plan);
        for (const { id } of services) {
          assert.deepEqual(whereRuns(world, id), [node], `${id}, ${forMs} ms`);
        }
      }
    });
  }
});
