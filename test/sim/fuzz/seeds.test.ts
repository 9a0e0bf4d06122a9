/** Some thousand random clusters with random faults keep every safety rule. */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { runSeed } from "../../../src/sim/fuzz/run.ts";

const seedCount = 2_000;

/** HOLDFAST_SEED sets the first seed. */
function firstSeed(): number {
  const text = process.env["HOLDFAST_SEED"];
  return text === undefined ? 1 : Number(text);
}

test(`runSeed() finds no rule broken in ${seedCount} seeds`, (context) => {
  const from = firstSeed();
  const startedAtMs = performance.now();
  const found: string[] = [];
  let simulatedMs = 0;
  for (let seed = from; seed < from + seedCount && found.length < 5; seed += 1) {
    const outcome = runSeed(seed, { minutes: 4 });
    simulatedMs += outcome.simulatedMs;
    const [violation] = outcome.violations;
    if (violation === undefined) continue;
    found.push(
      `holdfast sim fuzz --seeds ${seed} --minutes 4: ${violation.rule}: ${violation.sentence}`,
    );
  }
  const wallMs = performance.now() - startedAtMs;
  const hours = (simulatedMs / 3_600_000).toFixed(1);
  context.diagnostic(
    `seeds from ${from}: ${hours} h of simulated time in ${Math.round(wallMs)} ms`,
  );
  assert.deepEqual(found, []);
});

test("runSeed() does the same twice", () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    assert.deepEqual(runSeed(seed, { minutes: 5 }), runSeed(seed, { minutes: 5 }));
  }
});
