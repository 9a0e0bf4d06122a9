/** Criteria after changes, against working them out from all nodes anew. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Criteria,
  criteriaAfter,
  type Shares,
  sharesOf,
  spreadOf,
} from "../../../src/core/placement/usage.ts";
import { gibibyte, load } from "./placement-samples.ts";

const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000_000);

test("sharesOf() is the used part, more than 1 when overcommitted, and full where there is nothing", () => {
  const capacity = { cpuCores: 4, memoryBytes: 8 * gibibyte };
  const used = { cpuCores: 1, memoryBytes: 16 * gibibyte };
  const nothing = { cpuCores: 0, memoryBytes: 0 };
  assert.deepEqual(sharesOf(used, capacity), { cpu: 0.25, memory: 2 });
  assert.deepEqual(sharesOf(nothing, capacity), { cpu: 0, memory: 0 });
  assert.deepEqual(sharesOf(nothing, nothing), { cpu: 1, memory: 1 });
  assert.deepEqual(sharesOf(used, nothing), { cpu: 2, memory: 2 });
});

const amount = fc.tuple(fc.nat({ max: 24 }), fc.nat({ max: 48 }));

test(`criteriaAfter() equals the criteria of the changed cluster (HOLDFAST_SEED=${seed})`, () => {
  fc.assert(
    fc.property(
      fc.array(amount, { minLength: 2, maxLength: 6 }),
      fc.uniqueArray(fc.tuple(fc.nat({ max: 5 }), amount), {
        selector: ([place]) => place,
        maxLength: 2,
      }),
      (uses, changed) => {
        const loads = uses.map(([cores, memory], index) => load(`n${index}`, cores, memory));
        const changes = changed
          .filter(([place]) => place < loads.length)
          .map(([place, [cores, memory]]) => {
            const { capacity, ...used } = load("n", cores, memory);
            return { place, after: sharesOf(used, capacity) };
          });
        const shares = loads.map((one, place) => {
          const change = changes.find((candidate) => candidate.place === place);
          return change?.after ?? sharesOf(one, one.capacity);
        });
        const actual = criteriaAfter(spreadOf(loads), changes);
        for (const [index, expected] of plainCriteria(shares).entries()) {
          assert.ok(Math.abs((actual[index] ?? 0) - expected) < 1e-9, `criterion ${index}`);
        }
      },
    ),
    { seed, numRuns: 1_000 },
  );
});

function plainCriteria(shares: readonly Shares[]): Criteria {
  const average = (values: readonly number[]) =>
    1 + Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
  const cpu = shares.map((one) => one.cpu);
  const memory = shares.map((one) => one.memory);
  return [average(cpu), 1 + Math.max(...cpu), average(memory), 1 + Math.max(...memory)];
}
