/** The order of versions, which ranges and comparisons in constraints go by. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareVersions, isVersion, parseVersion } from "../../../src/core/versions.ts";
import { runCount, seed } from "./samples.ts";

/** From low to high; those of one line are equal. */
const ladder = [
  ["0", "0.0.0"],
  ["0.0.1-0"],
  ["0.0.1"],
  ["0.9"],
  ["0.10.0", "0.10"],
  ["1.0.0-alpha"],
  ["1.0.0-alpha.1"],
  ["1.0.0-alpha.beta"],
  ["1.0.0-beta"],
  ["1.0.0-beta.2"],
  ["1.0.0-beta.11"],
  ["1.0.0-rc.1", "1-rc.1"],
  ["1.0.0", "1.0", "1", "01.0"],
  ["1.0.1"],
  ["1.2-3.4"],
  ["1.2.0"],
  ["2-a-b.c"],
  ["2"],
  ["999999999.999999999.999999999"],
];

test("compareVersions() puts every two versions in their order", () => {
  ladder.forEach((lowers, low) => {
    ladder.forEach((highers, high) => {
      for (const left of lowers) {
        for (const right of highers) {
          const order = Math.sign(compareVersions(left, right));
          assert.equal(order, Math.sign(low - high), `${left} and ${right}`);
        }
      }
    });
  });
});

test(`compareVersions() agrees with comparing lists of numbers (seed ${seed})`, () => {
  const parts = fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 3 });
  const scaleOf = (numbers: readonly number[]) =>
    [0, 1, 2].reduce((sum, index) => sum * 100 + (numbers[index] ?? 0), 0);
  fc.assert(
    fc.property(parts, parts, (left, right) => {
      const order = compareVersions(left.join("."), right.join("."));
      assert.equal(Math.sign(order), Math.sign(scaleOf(left) - scaleOf(right)));
    }),
    { seed, numRuns: runCount },
  );
});

test("isVersion() and parseVersion() agree about what is none", () => {
  const others = [
    "",
    "v1",
    "1.",
    ".1",
    "1.2.3.4",
    "1-",
    "1..2",
    "1.2.3-a..b",
    " 1",
    "1+b",
    "latest",
  ];
  for (const text of [...others, "1".repeat(10), `1-${"a".repeat(63)}`]) {
    assert.equal(isVersion(text), false, text);
    assert.equal(parseVersion(text).ok, false, text);
  }
  for (const text of ladder.flat()) {
    assert.equal(isVersion(text), true, text);
    assert.deepEqual(parseVersion(text), { ok: true, value: text });
  }
});
