import { strict as assert } from "node:assert";
import { afterEach, test } from "node:test";
import { setMutant } from "../../../src/core/mutation.ts";
import { randomPlan } from "../../../src/sim/fuzz/plan.ts";
import { playChecked } from "../../../src/sim/fuzz/run.ts";
import { shrink } from "../../../src/sim/fuzz/shrink.ts";
import type { Plan } from "../../../src/sim/plan.ts";
import { formatPlan } from "../../../src/sim/scenario/format-plan.ts";
import { parseScenario } from "../../../src/sim/scenario/parse-scenario.ts";

afterEach(() => setMutant(undefined));

function sizeOf(plan: Plan): number {
  return plan.actions.length + plan.services.length + plan.nodes.length + plan.rules.length;
}

/** The first seed whose plan breaks a rule while the mutant is chosen. */
function brokenPlan(): Plan {
  for (let seed = 1; seed <= 200; seed += 1) {
    const plan = randomPlan(seed, { minutes: 5 });
    if (playChecked(plan).violations.length > 0) return plan;
  }
  assert.fail("no seed breaks a rule");
}

for (const mutant of [
  "S1-early-word",
  "S4-silence",
  "S7-slot-freed-by-time",
  "S9-forgotten-waiting",
] as const) {
  test(`shrink() keeps the rule that ${mutant} breaks, in a file that reproduces it`, () => {
    setMutant(mutant);
    const plan = brokenPlan();
    const small = shrink(plan, { playsMax: 200 });
    assert.ok(small !== undefined);
    assert.equal(small.violation.rule, mutant.slice(0, 2));
    assert.ok(sizeOf(small.plan) < sizeOf(plan) / 2, `${sizeOf(plan)} to ${sizeOf(small.plan)}`);
    assert.ok(small.playCount <= 201);
    const read = parseScenario(formatPlan(small.plan), "small.yaml");
    assert.ok(read.ok, read.ok ? "" : read.error.join("\n"));
    assert.deepEqual(playChecked(read.value).violations[0], small.violation);
  });
}

test("shrink() does the same twice", () => {
  setMutant("S4-silence");
  const plan = brokenPlan();
  assert.deepEqual(shrink(plan, { playsMax: 60 }), shrink(plan, { playsMax: 60 }));
});

test("shrink() has nothing to do where no rule is broken", () => {
  assert.equal(shrink(randomPlan(1, { nodes: 1, services: 1, minutes: 2 })), undefined);
});
