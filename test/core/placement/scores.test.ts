/** Scores of the three schedulers, checked against the method written out plainly. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Capacity } from "../../../src/core/model/capacity.ts";
import { type NodeLoad, scoreNodes } from "../../../src/core/placement/scores.ts";
import { gibibyte, load, node, nodes } from "./placement-samples.ts";

const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000_000);
const small: Capacity = { cpuCores: 2, memoryBytes: 2 * gibibyte };

function order(scores: ReadonlyMap<string, number>): readonly string[] {
  return [...scores].sort(([, left], [, right]) => left - right).map(([name]) => name);
}

test("scoreNodes() counts services with `basic`, whatever they use", () => {
  const loads = [
    { ...load("n1", 20, 40), serviceCount: 1 },
    { ...load("n2", 0, 0), serviceCount: 3 },
  ];
  const scores = scoreNodes("basic", loads, small, nodes("n1 n2"));
  assert.deepEqual(
    scores,
    new Map([
      ["n1", 1],
      ["n2", 3],
    ]),
  );
});

test("scoreNodes() scores the candidates only, by what all nodes look like", () => {
  const loads = [load("n1", 4, 8), load("n2", 2, 4), load("n3", 12, 30)];
  const all = scoreNodes("static", loads, small, nodes("n1 n2 n3"));
  const some = scoreNodes("static", loads, small, nodes("n3 n1"));
  assert.deepEqual([...some.keys()], ["n3", "n1"]);
  assert.equal(some.get(node("n1")), all.get(node("n1")));
  assert.deepEqual(order(all), ["n2", "n1", "n3"]);
});

test("scoreNodes() holds memory more important than cpu", () => {
  const loads = [load("n1", 12, 6), load("n2", 3, 24)];
  assert.deepEqual(order(scoreNodes("dynamic", loads, small, nodes("n1 n2"))), ["n1", "n2"]);
});

test("scoreNodes() holds equal nodes equal, to the last bit", () => {
  const loads = [load("n1", 0.3, 7), load("n2", 1.1, 5), load("n3", 0.3, 7), load("n4", 0.3, 7)];
  const scores = scoreNodes("static", loads, small, nodes("n1 n3 n4"));
  assert.equal(new Set(scores.values()).size, 1);
});

test("scoreNodes() holds all nodes equal when all are", () => {
  const loads = [load("n1", 1, 1), load("n2", 1, 1)];
  assert.ok(
    [...scoreNodes("static", loads, small, nodes("n1 n2")).values()].every((score) => score === 0),
  );
});

test("scoreNodes() takes 0 cores of demand as all that the node has", () => {
  const loads = [
    { ...load("n1", 0, 4), capacity: { cpuCores: 4, memoryBytes: 48 * gibibyte } },
    { ...load("n2", 12, 0), capacity: { cpuCores: 24, memoryBytes: 48 * gibibyte } },
  ];
  const limited = scoreNodes("static", loads, { cpuCores: 4, memoryBytes: 0 }, nodes("n1 n2"));
  const unlimited = scoreNodes("static", loads, { cpuCores: 0, memoryBytes: 0 }, nodes("n1 n2"));
  assert.deepEqual(order(limited), ["n2", "n1"]);
  assert.deepEqual(order(unlimited), ["n1", "n2"]);
});

test("scoreNodes() stays finite for nodes that have nothing", () => {
  const loads = [
    { ...load("n1", 0, 0), capacity: { cpuCores: 0, memoryBytes: 0 } },
    load("n2", 1, 1),
  ];
  const scores = scoreNodes("static", loads, small, nodes("n1 n2"));
  assert.ok([...scores.values()].every(Number.isFinite));
  assert.deepEqual(order(scores), ["n2", "n1"]);
});

test("scoreNodes() throws when a candidate has no load", () => {
  assert.throws(() => scoreNodes("basic", [load("n1", 0, 0)], small, nodes("n2")), /"n2"/);
});

const amount = fc.record({
  cpuCores: fc.nat({ max: 48 }).map((halves) => halves / 2),
  memory: fc.nat({ max: 48 }),
});

test(`scoreNodes() equals TOPSIS written out plainly (HOLDFAST_SEED=${seed})`, () => {
  fc.assert(
    fc.property(fc.array(amount, { minLength: 1, maxLength: 8 }), amount, (uses, demand) => {
      const loads = uses.map((use, index) => load(`n${index}`, use.cpuCores, use.memory));
      const asked = { cpuCores: demand.cpuCores, memoryBytes: demand.memory * gibibyte };
      const names = loads.map((one) => one.node);
      const scores = scoreNodes("static", loads, asked, names);
      const expected = plainScores(loads, asked);
      for (const [index, name] of names.entries()) {
        const difference = Math.abs((scores.get(name) ?? Number.NaN) - (expected[index] ?? 0));
        assert.ok(difference < 1e-6, `${name}: ${scores.get(name)} is not ${expected[index]}`);
      }
    }),
    { seed, numRuns: 500 },
  );
});

/** Every alternative from scratch, every column by itself. */
function plainScores(loads: readonly NodeLoad[], demand: Capacity): readonly number[] {
  const rms = (values: readonly number[]) =>
    Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
  const matrix = loads.map((chosen) => {
    const share = (kind: "cpuCores" | "memoryBytes") =>
      loads.map((one) => {
        const all = one.capacity[kind];
        const added = kind === "cpuCores" && demand.cpuCores === 0 ? all : demand[kind];
        return (one[kind] + (one === chosen ? added : 0)) / all;
      });
    const cpu = share("cpuCores");
    const memory = share("memoryBytes");
    return [1 + rms(cpu), 1 + Math.max(...cpu), 1 + rms(memory), 1 + Math.max(...memory)];
  });
  const weights = [1 / 18, 2 / 18, 5 / 18, 10 / 18];
  const columns = weights.map((weight, index) => {
    const values = matrix.map((row) => row[index] ?? 0);
    const norm = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
    return values.map((value) => (value / norm) * weight);
  });
  return matrix.map((_, row) => {
    const distanceTo = (ideal: (...values: number[]) => number) =>
      Math.hypot(...columns.map((column) => (column[row] ?? 0) - ideal(...column)));
    const toWorst = distanceTo(Math.max);
    const sum = distanceTo(Math.min) + toWorst;
    return sum === 0 ? 0 : -toWorst / sum;
  });
}
