/** A plan that is written and read again is the same plan. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Plan } from "../../../src/sim/plan.ts";
import { formatPlan } from "../../../src/sim/scenario/format-plan.ts";
import { parseScenario } from "../../../src/sim/scenario/parse-scenario.ts";
import { readDuration, writeDuration } from "../../../src/sim/scenario/yaml/quantity.ts";
import { Dice } from "./dice.ts";
import { actionKinds, randomPlan } from "./random-plans.ts";

const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000_007);
const planCount = 120;

/** As data: a field without a value and no field are the same. */
function dataOf(plan: Plan): unknown {
  return JSON.parse(JSON.stringify(plan));
}

describe("formatPlan()", () => {
  it(`is read back as the same plan, for ${planCount} random ones (HOLDFAST_SEED=${seed})`, (t) => {
    t.diagnostic(`HOLDFAST_SEED=${seed}`);
    const dice = new Dice(seed);
    const seen = new Set<string>();
    for (let index = 0; index < planCount; index += 1) {
      const plan = randomPlan(dice);
      for (const { action } of plan.actions) seen.add(action.kind);
      const text = formatPlan(plan);
      const read = parseScenario(text, "written.yaml");
      assert.ok(read.ok, `plan ${index}: ${read.ok ? "" : read.error.join("\n")}\n${text}`);
      assert.deepEqual(dataOf(read.value), dataOf(plan), `plan ${index}:\n${text}`);
      assert.equal(formatPlan(read.value), text, `plan ${index} is written the same again`);
    }
    assert.deepEqual(
      actionKinds.filter((kind) => !seen.has(kind)),
      [],
      "every kind of action was in some plan",
    );
  });

  it("keeps the order of nodes whose names are numbers", () => {
    const read = parseScenario("nodes: [node9, '10', '2']\n", "numbers.yaml");
    assert.ok(read.ok);
    const again = parseScenario(formatPlan(read.value), "numbers.yaml");
    assert.ok(again.ok);
    assert.deepEqual(
      again.value.nodes.map(({ node }) => node),
      ["node9", "10", "2"],
    );
  });
});

describe("writeDuration()", () => {
  for (const [durationMs, text] of [
    [0, "0s"],
    [250, "250ms"],
    [20_000, "20s"],
    [90_000, "1m30s"],
    [90_001, "90001ms"],
    [86_400_000, "1d"],
    [0.5, "0.5ms"],
  ] as const) {
    it(`writes ${durationMs} ms as ${text}, and readDuration() reads it`, () => {
      assert.equal(writeDuration(durationMs), text);
      assert.deepEqual(readDuration(text), { ok: true, value: durationMs });
    });
  }
});
