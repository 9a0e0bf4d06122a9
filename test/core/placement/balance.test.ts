/** Imbalance and the move against it, by hand-made numbers and against trying everything out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type BalanceInput,
  type Bundle,
  findMove,
  imbalanceOf,
} from "../../../src/core/placement/balance.ts";
import type { NodeLoad } from "../../../src/core/placement/usage.ts";
import { gibibyte, load, node, nodes, service, services } from "./placement-samples.ts";

const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000_000);

/** One service, or several separated by blanks, with what they use together. */
function bundle(members: string, at: string, use: readonly [number, number], to: string): Bundle {
  const [leader = service("none"), ...rest] = services(members);
  return {
    leader,
    members: [leader, ...rest],
    source: node(at),
    cpuCores: use[0],
    memoryBytes: use[1] * gibibyte,
    targets: nodes(to),
  };
}

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);
}

test("imbalanceOf() is the coefficient of variation of the nodes' loads", () => {
  near(imbalanceOf([load("n1", 12, 24), load("n2", 0, 0)]), 1);
  near(imbalanceOf([load("n1", 12, 24), load("n2", 0, 0), load("n3", 0, 0)]), Math.SQRT2);
  near(imbalanceOf([load("n1", 18, 0), load("n2", 6, 0)]), 0.5);
  near(imbalanceOf([load("n1", 12, 0), load("n2", 0, 24)]), 0);
});

test("imbalanceOf() is 0 for one node, for none and for idle ones", () => {
  assert.equal(imbalanceOf([]), 0);
  assert.equal(imbalanceOf([load("n1", 12, 3)]), 0);
  assert.equal(imbalanceOf([load("n1", 0, 0), load("n2", 0, 0)]), 0);
});

/** n1: a (8 cores, 8 GiB), b (4, 4), c (4, 4); n2: nothing; n3: d (4, 4). */
const uneven: BalanceInput = {
  method: "bruteforce",
  margin: 0.1,
  loads: [load("n1", 16, 16), load("n2", 0, 0), load("n3", 4, 4)],
  bundles: [
    bundle("c", "n1", [4, 4], "n2 n3"),
    bundle("a", "n1", [8, 8], "n2 n3"),
    bundle("b", "n1", [4, 4], "n2 n3"),
    bundle("d", "n3", [4, 4], "n1 n2"),
  ],
};

test("findMove() takes the move that leaves the least imbalance", () => {
  const move = findMove(uneven);
  assert.deepEqual([move?.leader, move?.source, move?.target], ["vm:a", "n1", "n2"]);
  near(move?.imbalanceBefore ?? 0, imbalanceOf(uneven.loads));
  near(
    move?.imbalanceAfter ?? 0,
    imbalanceOf([load("n1", 8, 8), load("n2", 8, 8), load("n3", 4, 4)]),
  );
});

test("findMove() takes the first service and target of equals, in whatever order they come", () => {
  const loads = [load("n1", 8, 8), load("n2", 0, 0), load("n3", 0, 0)];
  const bundles = ["b", "c", "a"].map((id) => bundle(id, "n1", [2, 2], "n2 n3"));
  for (const method of ["bruteforce", "topsis"] as const) {
    const move = findMove({ method, margin: 0.1, loads, bundles });
    assert.deepEqual([move?.leader, move?.target], ["vm:a", "n2"], method);
  }
});

test("findMove() keeps to the permitted targets and to nodes that are online", () => {
  const [c, , b] = uneven.bundles;
  assert.ok(c !== undefined && b !== undefined);
  const bundles = [
    { ...c, targets: nodes("n3 n9") },
    { ...b, source: node("n9") },
  ];
  assert.equal(findMove({ ...uneven, bundles })?.target, "n3");
  assert.equal(findMove({ ...uneven, bundles: bundles.slice(1) }), undefined);
  assert.equal(findMove({ ...uneven, bundles: [] }), undefined);
});

test("findMove() leaves it when the improvement is below the margin, and not when it reaches it", () => {
  const loads = [load("n1", 18, 0), load("n2", 6, 0)]; // imbalance 0.5
  const bundles = [bundle("a", "n1", [1, 0], "n2")]; // leaves 5/12, a sixth less
  assert.equal(findMove({ method: "bruteforce", margin: 0.17, loads, bundles }), undefined);
  assert.equal(findMove({ method: "bruteforce", margin: 0.16, loads, bundles })?.leader, "vm:a");
});

test("findMove() finds nothing to do in a balanced cluster, even without a margin", () => {
  const loads = [load("n1", 4, 4), load("n2", 4, 4)];
  const bundles = [bundle("a", "n1", [4, 4], "n2")];
  for (const method of ["bruteforce", "topsis"] as const) {
    assert.equal(findMove({ method, margin: 0, loads, bundles }), undefined, method);
  }
});

test("findMove() moves a group as one", () => {
  const bundles = [bundle("a b", "n1", [8, 8], "n2"), bundle("c", "n1", [1, 1], "n2")];
  assert.equal(findMove({ ...uneven, bundles })?.leader, "vm:a");
});

test("findMove() prefers to free memory with `topsis`, where `bruteforce` sees the same load", () => {
  const loads = [load("n1", 12, 24), load("n2", 0, 0)];
  const bundles = [bundle("a", "n1", [6, 0], "n2"), bundle("b", "n1", [0, 12], "n2")];
  const common = { margin: 0.1, loads, bundles };
  assert.equal(findMove({ method: "bruteforce", ...common })?.leader, "vm:a");
  assert.equal(findMove({ method: "topsis", ...common })?.leader, "vm:b");
});

const use = fc.tuple(fc.nat({ max: 8 }), fc.nat({ max: 8 }));
const cluster = fc.array(fc.tuple(fc.nat({ max: 3 }), use), { maxLength: 8 }).map((placed) => {
  const names = ["n0", "n1", "n2", "n3"];
  const loads = names.map((name, index) => {
    const uses = placed.filter(([at]) => at === index).map(([, one]) => one);
    const sum = (which: 0 | 1) => uses.reduce((total, one) => total + one[which], 0);
    const capacity = { cpuCores: 24 + 8 * index, memoryBytes: (48 + 16 * index) * gibibyte };
    return { ...load(name, sum(0), sum(1)), capacity };
  });
  const bundles = placed.map(([at, one], index) =>
    bundle(`s${index}`, names[at] ?? "n0", one, names.filter((_, i) => i !== at).join(" ")),
  );
  return { loads, bundles };
});

function afterMove(loads: readonly NodeLoad[], moved: Bundle, target: string): readonly NodeLoad[] {
  return loads.map((one) => {
    const sign = Number(one.node === target) - Number(one.node === moved.source);
    return {
      ...one,
      cpuCores: one.cpuCores + sign * moved.cpuCores,
      memoryBytes: one.memoryBytes + sign * moved.memoryBytes,
    };
  });
}

test(`findMove() leaves no better move than the one it takes (HOLDFAST_SEED=${seed})`, () => {
  fc.assert(
    fc.property(cluster, ({ loads, bundles }) => {
      const move = findMove({ method: "bruteforce", margin: 0, loads, bundles });
      const outcomes = bundles.flatMap((one) =>
        one.targets.map((target) => imbalanceOf(afterMove(loads, one, target))),
      );
      const least = Math.min(...outcomes);
      if (move === undefined) {
        assert.ok(!(least < imbalanceOf(loads) - 1e-9));
        return;
      }
      near(move.imbalanceAfter, least);
      const moved = bundles.find(({ leader }) => leader === move.leader);
      assert.ok(moved !== undefined);
      near(imbalanceOf(afterMove(loads, moved, move.target)), least);
    }),
    { seed, numRuns: 500 },
  );
});

test(`findMove() never makes it worse with \`topsis\` (HOLDFAST_SEED=${seed})`, () => {
  fc.assert(
    fc.property(cluster, ({ loads, bundles }) => {
      const move = findMove({ method: "topsis", margin: 0.1, loads, bundles });
      const moved = bundles.find(({ leader }) => leader === move?.leader);
      if (move === undefined || moved === undefined) return;
      assert.ok(imbalanceOf(afterMove(loads, moved, move.target)) < imbalanceOf(loads));
    }),
    { seed, numRuns: 500 },
  );
});
