/** Whether services survive losses, by hand-made clusters and against trying every placement out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type AdmissionInput, checkAdmission } from "../../../src/core/placement/admission.ts";
import { node, nodes, service } from "./placement-samples.ts";

const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000_000);

/** Nodes by their memory; services by their memory and, behind a blank, the nodes they may run on. */
function input(
  losses: number,
  memory: Readonly<Record<string, number>>,
  demands: Readonly<Record<string, number | readonly [number, string]>>,
): AdmissionInput {
  return {
    losses,
    nodes: Object.entries(memory).map(([name, memoryBytes]) => ({
      node: node(name),
      memoryBytes,
      cpuCores: 4,
    })),
    services: Object.entries(demands).map(([id, demand]) => ({
      service: service(id),
      memoryBytes: typeof demand === "number" ? demand : demand[0],
      allowed: typeof demand === "number" ? undefined : nodes(demand[1]),
    })),
  };
}

test("checkAdmission() reports the tightest loss when all is well", () => {
  const verdict = checkAdmission(input(1, { n1: 8, n2: 16, n3: 8 }, { a: 8, b: 7 }));
  assert.deepEqual(verdict, {
    fits: true,
    worst: ["n2"],
    neededBytes: 15,
    availableBytes: 16,
    unplaced: [],
  });
});

test("checkAdmission() names the loss and the services that do not survive it", () => {
  const verdict = checkAdmission(input(1, { n1: 8, n2: 16, n3: 8 }, { a: 12, b: 4, c: 4 }));
  assert.equal(verdict.fits, false);
  assert.deepEqual(verdict.worst, ["n2"]);
  assert.deepEqual(verdict.unplaced, ["vm:a"]);
  assert.deepEqual([verdict.neededBytes, verdict.availableBytes], [20, 16]);
});

test("checkAdmission() sees pieces that do not fit although the sum does", () => {
  const verdict = checkAdmission(input(1, { n1: 8, n2: 8, n3: 8 }, { a: 5, b: 5, c: 5 }));
  assert.equal(verdict.fits, false);
  assert.deepEqual([verdict.neededBytes, verdict.availableBytes], [15, 16]);
  assert.equal(verdict.unplaced.length, 1);
});

test("checkAdmission() asks for nothing to be lost with 0 losses", () => {
  const verdict = checkAdmission(input(0, { n1: 8 }, { a: 8 }));
  assert.deepEqual([verdict.fits, verdict.worst], [true, []]);
  assert.equal(checkAdmission(input(0, { n1: 8 }, { a: 9 })).fits, false);
});

test("checkAdmission() survives as many losses as it is asked for", () => {
  const memory = { n1: 8, n2: 8, n3: 8, n4: 8 };
  const verdict = checkAdmission(input(2, memory, { a: 8, b: 8 }));
  assert.deepEqual([verdict.fits, verdict.worst.length], [true, 2]);
  assert.equal(checkAdmission(input(3, memory, { a: 8, b: 8 })).fits, false);
});

test("checkAdmission() with more losses than nodes leaves room for nothing", () => {
  assert.deepEqual(checkAdmission(input(5, { n1: 8 }, { a: 1 })).unplaced, ["vm:a"]);
  assert.equal(checkAdmission(input(5, { n1: 8 }, {})).fits, true);
});

test("checkAdmission() finds the loss that hurts because of rules, not of size", () => {
  const memory = { n1: 16, n2: 4, n3: 4 };
  const verdict = checkAdmission(input(1, memory, { a: [4, "n2 n3"], b: [4, "n2 n3"] }));
  assert.equal(verdict.fits, false);
  assert.deepEqual(verdict.worst, ["n2"]);
  assert.equal(verdict.unplaced.length, 1);
});

test("checkAdmission() does not count a service that may run nowhere else", () => {
  const verdict = checkAdmission(input(1, { n1: 8, n2: 8 }, { a: [8, "n1"], b: 0 }));
  assert.equal(verdict.fits, true);
});

test("checkAdmission() makes way for services that have little choice", () => {
  const demands = { a: 6, b: [4, "n1"], c: [4, "n1"] } as const;
  assert.equal(checkAdmission(input(0, { n1: 8, n2: 9 }, demands)).fits, true);
});

test("checkAdmission() tries the largest nodes only when there are many combinations", () => {
  const memory = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`n${i}`, 10 + i]));
  const verdict = checkAdmission(input(2, memory, { a: 37, b: 1 }));
  assert.deepEqual(verdict.worst, ["n28", "n29"]);
  assert.deepEqual(verdict.unplaced, []);
  assert.deepEqual(checkAdmission(input(3, memory, { a: 37 })).unplaced, ["vm:a"]);
});

test("checkAdmission() answers for a large cluster in one look", () => {
  const memory = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`n${i}`, 101]));
  const demands = Object.fromEntries(Array.from({ length: 99_900 }, (_, i) => [`s${i}`, 1]));
  const verdict = checkAdmission(input(1, memory, demands));
  assert.deepEqual(
    [verdict.fits, verdict.neededBytes, verdict.availableBytes],
    [true, 99_900, 100_899],
  );
});

const memories = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 });
const demand = fc.tuple(
  fc.integer({ min: 1, max: 8 }),
  fc.option(fc.subarray(["n0", "n1", "n2", "n3"], { minLength: 1 }), { nil: undefined }),
);

test(`checkAdmission() never promises room that is not there (HOLDFAST_SEED=${seed})`, () => {
  fc.assert(
    fc.property(
      memories,
      fc.array(demand, { maxLength: 5 }),
      fc.nat({ max: 2 }),
      (sizes, demands, losses) => {
        const asked = input(
          losses,
          Object.fromEntries(sizes.map((size, index) => [`n${index}`, size])),
          Object.fromEntries(
            demands.map(([size, allowed], index) => [
              `s${index}`,
              allowed === undefined ? size : [size, allowed.join(" ")],
            ]),
          ),
        );
        const verdict = checkAdmission(asked);
        const truly = survivesEveryLoss(asked);
        assert.ok(!verdict.fits || truly, "what it promises can be kept");
        assert.equal(verdict.fits, verdict.unplaced.length === 0);
      },
    ),
    { seed, numRuns: 500 },
  );
});

/** Tries every loss and every placement. */
function survivesEveryLoss({ losses, nodes: all, services }: AdmissionInput): boolean {
  const fits = (free: ReadonlyMap<string, number>, rest: typeof services): boolean => {
    const [first, ...others] = rest;
    if (first === undefined) return true;
    return [...free].some(([name, bytes]) => {
      const isAllowed = first.allowed?.some((one) => one === name) ?? true;
      if (!isAllowed || bytes < first.memoryBytes) return false;
      return fits(new Map(free).set(name, bytes - first.memoryBytes), others);
    });
  };
  return subsets(all, Math.min(losses, all.length)).every((lost) => {
    const left = all.filter((one) => !lost.includes(one));
    const names = new Set(left.map((one) => one.node));
    const counted = services.filter(
      ({ allowed }) => allowed?.some((one) => names.has(one)) ?? true,
    );
    return fits(new Map(left.map((one) => [one.node, one.memoryBytes])), counted);
  });
}

function subsets<T>(items: readonly T[], count: number): readonly (readonly T[])[] {
  if (count === 0) return [[]];
  return items.flatMap((item, index) =>
    subsets(items.slice(index + 1), count - 1).map((rest) => [item, ...rest]),
  );
}
