/** What clauses mean for each type of property, and how it is said when one does not hold. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Properties } from "../../../src/core/constraints/constraint.ts";
import { evaluate } from "../../../src/core/constraints/evaluate.ts";
import { failureSentence } from "../../../src/core/constraints/failure-sentence.ts";
import { parsed } from "./samples.ts";

const node: Properties = {
  cores: 2,
  zone: "north",
  gpu: true,
  agentVersion: "1.2.10",
  serial: "12345678901",
  disks: ["ssd", "hdd"],
  platforms: ["1.0", "3.0"],
  none: [],
};

const holding = [
  "cores == 2",
  "cores == 2.0",
  'cores == "2"',
  "cores != 3",
  "cores < 2.5 AND cores > 1 AND cores >= 2 AND cores <= 2",
  'cores in "1,2"',
  "cores in 2",
  "cores in [2,8] AND cores in (1,3) AND cores == [1,INFINITY)",
  "zone == north",
  "zone != North",
  'zone in "south,north"',
  "gpu == true",
  'gpu == "TRUE"',
  "gpu != false",
  "gpu in [true]",
  "agentVersion < 1.10.0",
  "agentVersion < 1.10",
  "agentVersion > 1.2.9 AND agentVersion >= 1.2.10 AND agentVersion <= 1.2.10",
  "agentVersion > 1.2.10-rc.1",
  "agentVersion in [1.0.0,2.0.0) AND agentVersion in 1.2.0",
  "serial == 12345678901",
  "disks == ssd",
  "disks != nvme",
  'disks in "nvme,hdd"',
  "platforms in [2.0,4.0)",
  "none != ssd",
  "NOT missing == 1",
  "NOT missing != 1",
  "NOT zone < south",
  "zone == south OR zone == north",
  "NOT (zone == south OR cores > 4)",
];

for (const text of holding) {
  test(`evaluate() lets ${text} hold`, () => {
    assert.deepEqual(evaluate(parsed(text), node), { holds: true });
  });
}

const order = "compares numbers with numbers and versions with versions";
const failing: readonly (readonly [string, string, string?])[] = [
  ["cores >= 4", "the node has cores = 2"],
  ["cores != 2", "the node has cores = 2"],
  ["cores != many", "the node has cores = 2, a number, which is compared with numbers only"],
  ["cores in [2.0.0,3.0.0)", "the node has cores = 2, which is in no range of versions"],
  ['cores in "a,4"', "the node has cores = 2"],
  ["missing == 1", 'the node has no property "missing"'],
  ["missing != 1", 'the node has no property "missing"'],
  ["toString != 1", 'the node has no property "toString"'],
  ["zone == North", 'the node has zone = "north"'],
  ["zone < south", `the node has zone = "north", and "<" ${order}`],
  ["zone in [1.0,2.0]", 'the node has zone = "north", which is no version'],
  ["gpu == 1", "the node has gpu = true, which is compared with true and false only"],
  ["gpu > false", `the node has gpu = true, and ">" ${order}`],
  ["agentVersion == 1.2.10.0", 'the node has agentVersion = "1.2.10"'],
  ["agentVersion >= 1.10.0", 'the node has agentVersion = "1.2.10"'],
  ["serial > 5", `the node has serial = "12345678901", and ">" ${order}`],
  ["disks == tape", 'the node has disks = ["ssd", "hdd"]'],
  ["disks != ssd", 'the node has disks = ["ssd", "hdd"]'],
  ["disks < 3", `the node has disks = ["ssd", "hdd"], and "<" ${order}`],
  ["none in [ssd]", "the node has none = []"],
  ["NOT zone == north", 'the node has zone = "north"'],
  ["zone == south OR cores > 4", 'the node has zone = "north" and cores = 2'],
  ["zone == a OR zone == b", 'the node has zone = "north"'],
  [
    "NOT (zone == north AND missing != 1 OR gpu == true)",
    'the node has zone = "north", no property "missing" and gpu = true',
  ],
  ["zone == north AND cores > 4 AND gpu == false", "the node has cores = 2", "cores > 4"],
  ["NOT NOT (cores == 2 AND zone == a)", 'the node has zone = "north"', "zone == a"],
  ["cores>3", "the node has cores = 2", "cores > 3"],
];

for (const [text, found, part = text] of failing) {
  test(`evaluate() says why ${text} does not hold`, () => {
    const evaluation = evaluate(parsed(text), node);
    assert.ok(!evaluation.holds);
    const sentence = failureSentence(evaluation, "the node");
    assert.equal(sentence, `${part} does not hold: ${found}`);
  });
}

test("evaluate() gives the failing part and the values as facts", () => {
  const evaluation = evaluate(parsed("gpu == true AND (zone == a OR rack == 3)"), node);
  assert.ok(!evaluation.holds);
  assert.equal(evaluation.part.kind, "or");
  assert.deepEqual(evaluation.found, [
    { property: "zone", value: "north" },
    { property: "rack", value: undefined },
  ]);
});

test("failureSentence() cuts what is too long to read", () => {
  const names = Array.from({ length: 9 }, (_, index) => `p${index}`);
  const found = { p0: "x".repeat(1_000), p1: names, p2: 1, p3: 1, p4: 1 };
  const evaluation = evaluate(parsed(names.map((name) => `${name} == 7`).join(" OR ")), found);
  assert.ok(!evaluation.holds);
  assert.equal(
    failureSentence(evaluation, "n1").replace(/^.* does not hold: /, ""),
    `n1 has p0 = "${"x".repeat(60)}...", p1 = ["p0", "p1", "p2", "p3", "p4", 4 more], p2 = 1, p3 = 1, p4 = 1 and 4 more properties`,
  );
});

test("evaluate() takes `__proto__` and its like for properties only when somebody set them", () => {
  const set: Properties = JSON.parse('{"__proto__": "x", "constructor": "y"}');
  const constraint = parsed("__proto__ == x AND constructor == y");
  assert.equal(evaluate(constraint, set).holds, true);
  assert.equal(evaluate(constraint, {}).holds, false);
});
