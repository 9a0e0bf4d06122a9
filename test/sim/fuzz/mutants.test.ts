/** Each deliberately broken spot is seen by the check of the rule that it breaks: the checks bite. */
import { strict as assert } from "node:assert";
import { after, test } from "node:test";
import { mutantNames, setMutant } from "../../../src/core/mutation.ts";
import { runSeed } from "../../../src/sim/fuzz/run.ts";

const seedsMax = 1_000;

after(() => setMutant(undefined));

for (const name of mutantNames) {
  const rule = name.slice(0, 2);
  test(`mutant ${name} is caught by ${rule} within ${seedsMax} seeds`, (context) => {
    setMutant(name);
    for (let seed = 1; seed <= seedsMax; seed += 1) {
      // What is broken can break other rules first, e.g. what never comes to rest; its own has to be seen too.
      const violation = runSeed(seed, { minutes: 5 }).violations.find((one) => one.rule === rule);
      if (violation === undefined) continue;
      context.diagnostic(`seed ${seed}: ${violation.sentence}`);
      return;
    }
    assert.fail(`${seedsMax} seeds did not show it`);
  });
}

test("every rule has a mutant", () => {
  const rules = new Set(mutantNames.map((name) => name.slice(0, 2)));
  assert.deepEqual([...rules], ["S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9"]);
});
