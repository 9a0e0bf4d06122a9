/** How each piece of the language is read, and what is said about text that is none of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConstraint } from "../../../src/core/constraints/parse.ts";
import { parsed, treeOf } from "./samples.ts";

const text = (value: string) => ({ kind: "text", text: value });
const list = (...items: readonly string[]) => ({ kind: "list", items });
const range = (from: string | undefined, to: string | undefined, included = "") => ({
  kind: "range",
  range: { from, fromIncluded: included.includes("["), to, toIncluded: included.includes("]") },
});

const values: readonly (readonly [string, unknown])[] = [
  ["zone == a", text("a")],
  ["zone=a", text("a")],
  ["zone == in", text("in")],
  ["zone == north/1:b@x", text("north/1:b@x")],
  ['zone == "a b, (c)"', text("a b, (c)")],
  ["zone == ''", text("")],
  [String.raw`zone == "say \"it\" and \\ 'so' \n"`, text(String.raw`say "it" and \ 'so' \n`)],
  [String.raw`zone == 'it\'s "so"'`, text(`it's "so"`)],
  ['cores == "4"', text("4")],
  ["cores >= 4", { kind: "number", number: 4, text: "4" }],
  ["cores > -1.50", { kind: "number", number: -1.5, text: "-1.50" }],
  ["cores < 2e3", { kind: "number", number: 2_000, text: "2e3" }],
  ["cores < 1e999", text("1e999")],
  ["version > 1.2.3-rc.1", text("1.2.3-rc.1")],
  ["gpu != true", { kind: "boolean", boolean: true }],
  ["gpu == False", text("False")],
  ['zone in "a, b ,c"', list("a", "b", "c")],
  ["zone IN 'a'", list("a")],
  ["zone in a", list("a")],
  ["cores in 1.5", list("1.5")],
  ["zone in [a]", list("a")],
  ['zone in[ a , "b,c" ]', list("a", "b,c")],
  ["cores in [2,4,8]", list("2", "4", "8")],
  ['cores in ["2","8"]', list("2", "8")],
  ["cores in [2,8]", range("2", "8", "[]")],
  ["version in [1.0.0,2.0.0)", range("1.0.0", "2.0.0", "[")],
  ['version in "[1.0.0, 2.0.0)"', range("1.0.0", "2.0.0", "[")],
  ["version == (1.0,INFINITY)", range("1.0", undefined)],
  ["version in [1.0,infinity]", range("1.0", undefined, "[")],
  ["version in ( , 2 ]", range(undefined, "2", "]")],
  ["version in [2.0,2.0.0]", range("2.0", "2.0.0", "[]")],
  ["version in 1.0.0", range("1.0.0", undefined, "[")],
  ['version in "1.0.0"', list("1.0.0")],
];

for (const [written, value] of values) {
  test(`parseConstraint() reads the value of ${written}`, () => {
    const constraint = parsed(written);
    assert.ok(constraint.kind === "clause");
    assert.deepEqual(constraint.value, value);
  });
}

test("parseConstraint() keeps a clause as it was written, and where", () => {
  const constraint = parsed("  cores=4");
  assert.ok(constraint.kind === "clause");
  const { property, operator, text: written, position } = constraint;
  assert.deepEqual([property, operator, written, position], ["cores", "==", "cores = 4", 2]);
});

/** A tree in brackets: `or(a, and(b, c))`, each clause by its property. */
function outline(constraint: ReturnType<typeof parsed>): string {
  if (constraint.kind === "clause") return constraint.property;
  if (constraint.kind === "not") return `not(${outline(constraint.part)})`;
  return `${constraint.kind}(${constraint.parts.map(outline).join(", ")})`;
}

const shapes: readonly (readonly [string, string])[] = [
  ["a=1 OR b=1 AND c=1", "or(a, and(b, c))"],
  ["a=1 AND b=1 OR c=1 AND d=1", "or(and(a, b), and(c, d))"],
  ["a=1 and b=1 And c=1", "and(a, b, c)"],
  ["(a=1 OR b=1) AND c=1", "and(or(a, b), c)"],
  ["(a=1 AND b=1) AND c=1", "and(and(a, b), c)"],
  ["NOT a=1 AND b=1", "and(not(a), b)"],
  ["NOT(a=1 AND b=1)", "not(and(a, b))"],
  ["!a=1||!!b=1&&c=1", "or(not(a), and(not(not(b)), c))"],
  ["((a=1))", "a"],
  ["not-ready=1 AND order=1 AND android=1", "and(not-ready, order, android)"],
];

for (const [written, shape] of shapes) {
  test(`parseConstraint() reads ${written} as ${shape}`, () => {
    assert.equal(outline(parsed(written)), shape);
  });
}

const property = 'the name of a property, NOT or "("';
const faults: readonly (readonly [string, number, string, string])[] = [
  ["", 0, property, "the end"],
  ["  \n", 3, property, "the end"],
  ["AND a == 1", 0, property, '"AND"'],
  ["a == 1 AND", 10, property, "the end"],
  ["a == 1 OR )", 10, property, '")"'],
  ["4 == a", 0, property, '"4"'],
  ["()", 1, property, '")"'],
  ["a", 1, "one of == != < <= > >= in", "the end"],
  ["a is b", 2, "one of == != < <= > >= in", '"is"'],
  ["a AND b == 1", 2, "one of == != < <= > >= in", '"AND"'],
  ["a inside b", 2, "one of == != < <= > >= in", '"inside"'],
  ["cores  ==  )", 11, "a value", '")"'],
  ["a === b", 4, "a value", '"="'],
  ["a => b", 3, "a value", '">"'],
  ["a == NOT b", 5, "a value", '"NOT"'],
  ["a in", 4, "a list or a range of versions", "the end"],
  ["(a == 1", 7, 'AND, OR or ")"', "the end"],
  ["(a == 1 b == 2)", 8, 'AND, OR or ")"', '"b"'],
  ["a == 1)", 6, "AND, OR or the end", '")"'],
  ["a == b c", 7, "AND, OR or the end", '"c"'],
  ["a == 1 & b == 2", 7, "AND, OR or the end", '"&"'],
  ["a in b,c", 6, 'AND, OR or the end (a list is written in quotes: in "a,b")', '","'],
  ['a == "b" "', 9, "AND, OR or the end", `'"'`],
  ['a == "b', 7, 'the " that ends the text from character 6', "the end"],
  [String.raw`a == 'b\'`, 9, "the ' that ends the text from character 6", "the end"],
  ['a in "b,,c"', 5, "a list without empty items", `'"'`],
  ['a in ""', 5, "a list without empty items", `'"'`],
  ["a in []", 6, "an item of the list", '"]"'],
  ["a in [b c]", 8, '"," or "]"', '"c"'],
  ["a in [b", 7, '"," or "]"', "the end"],
  ["a in (b,2]", 6, "a version", '"b"'],
  ["a in [1,b)", 8, "a version or INFINITY", '"b"'],
  ["a in (1", 7, '"," and the end of the range', "the end"],
  ["a in (1,2", 9, '"]" or ")"', "the end"],
  ["a in [2.0,1.0]", 10, "a version above 2.0", '"1.0"'],
  ["a in (1,1.0.0]", 8, "a version above 1", '"1.0.0"'],
  ['a in "[1,x)"', 5, "a list, or a range such as [1.0.0,2.0.0)", `'"'`],
  ["a < [1,2]", 4, 'one value after "<" (a range goes with "in" and "==")', '"["'],
  ["a == [b,c]", 5, 'one value after "==" (a list goes with "in")', '"["'],
  ["a == 💥`", 7, "AND, OR or the end", '"`"'],
  [`a == b ${"c".repeat(40)}`, 7, "AND, OR or the end", `"${"c".repeat(30)}..."`],
  ["(".repeat(4_000), 51, "at most 50 levels of parentheses and NOT", '"("'],
  ["NOT ".repeat(1_000), 204, "at most 50 levels of parentheses and NOT", '"NOT"'],
  [
    `a == ${"b".repeat(4_000)}`,
    4_000,
    "the end, as a constraint has 4000 characters at most",
    "4005 characters",
  ],
];

for (const [written, position, expected, found] of faults) {
  test(`parseConstraint() refuses ${JSON.stringify(written.slice(0, 40))} at ${position}`, () => {
    const message = `at character ${position + 1}: expected ${expected}, found ${found}`;
    assert.deepEqual(parseConstraint(written), { ok: false, error: { position, message } });
  });
}

test("parseConstraint() reads the deepest and the longest that there may be", () => {
  const deepest = `${"(".repeat(50)}a == 1${")".repeat(50)}`;
  assert.deepEqual(treeOf(parsed(deepest)), treeOf(parsed("a == 1")));
  const widest = parsed(Array.from({ length: 444 }, () => "a=1").join("  AND "));
  assert.equal(widest.kind === "and" && widest.parts.length, 444);
});

test("parseConstraint() is quick about text that could be read in many ways", () => {
  const began = process.cpuUsage();
  for (const piece of ["[", "[ ", '"', "\\", "a in [", "(", "a in [1,", "! ", " "]) {
    parseConstraint(`a in [${piece.repeat(3_990 / piece.length)}`);
    parseConstraint(`a in "${piece.repeat(3_990 / piece.length)}`);
    parseConstraint(`a in [${" ".repeat(3_980)}${piece}`);
  }
  const { user, system } = process.cpuUsage(began);
  assert.ok(user + system < 500_000, `took ${user + system} us`);
});
