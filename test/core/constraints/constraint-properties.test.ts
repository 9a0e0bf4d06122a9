/** The language as a whole, on random constraints and random texts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { evaluate } from "../../../src/core/constraints/evaluate.ts";
import { failureSentence } from "../../../src/core/constraints/failure-sentence.ts";
import { formatConstraint } from "../../../src/core/constraints/format.ts";
import { parseConstraint } from "../../../src/core/constraints/parse.ts";
import { propertiesIn } from "../../../src/core/constraints/properties-in.ts";
import { naiveHolds } from "./naive.ts";
import {
  parsed,
  properties,
  runCount,
  seed,
  styles,
  type Tree,
  treeOf,
  trees,
  Writer,
} from "./samples.ts";

const options = { seed, numRuns: runCount };

test(`parseConstraint() reads whatever way a tree is written in (seed ${seed})`, () => {
  fc.assert(
    fc.property(trees, styles, (tree, style) => {
      const text = new Writer(style).write(tree);
      fc.pre(text.length <= 4_000);
      assert.deepEqual(treeOf(parsed(text)), tree, text);
    }),
    options,
  );
});

test(`formatConstraint() writes what parses to the same constraint (seed ${seed})`, () => {
  fc.assert(
    fc.property(trees, styles, (tree, style) => {
      const text = new Writer(style).write(tree);
      fc.pre(text.length <= 3_000);
      const written = formatConstraint(parsed(text));
      const again = parsed(written);
      assert.deepEqual(treeOf(again), tree, written);
      assert.equal(formatConstraint(again), written);
    }),
    options,
  );
});

test(`propertiesIn() gives the place of each name in the text (seed ${seed})`, () => {
  fc.assert(
    fc.property(trees, styles, (tree, style) => {
      const text = new Writer(style).write(tree);
      fc.pre(text.length <= 4_000);
      const uses = propertiesIn(parsed(text));
      assert.deepEqual(
        uses.map(({ property }) => property),
        namesOf(tree),
      );
      for (const { property, position } of uses) {
        assert.equal(text.slice(position, position + property.length), property, text);
      }
    }),
    options,
  );
});

function namesOf(tree: Tree): readonly string[] {
  if (tree.kind === "clause") return [tree.property];
  return tree.kind === "not" ? namesOf(tree.part) : tree.parts.flatMap(namesOf);
}

/** The tree as the parser gives it, by one plain way to write it. */
function constraintOf(tree: Tree) {
  return parsed(new Writer([0]).write(tree));
}

test(`evaluate() agrees with a naive evaluator, and its failing part does fail (seed ${seed})`, () => {
  let heldCount = 0;
  fc.assert(
    fc.property(trees, properties, (tree, found) => {
      const constraint = constraintOf(tree);
      const evaluation = evaluate(constraint, found);
      assert.equal(evaluation.holds, naiveHolds(tree, found), formatConstraint(constraint));
      if (evaluation.holds) {
        heldCount += 1;
        return;
      }
      assert.equal(evaluate(evaluation.part, found).holds, false);
      assert.ok(failureSentence(evaluation, "the node").length < 3_000);
    }),
    options,
  );
  assert.ok(heldCount > runCount / 20, `only ${heldCount} of ${runCount} constraints held`);
});

test(`evaluate() takes NOT NOT for nothing (seed ${seed})`, () => {
  fc.assert(
    fc.property(trees, properties, (tree, found) => {
      const twice: Tree = { kind: "not", part: { kind: "not", part: tree } };
      assert.equal(
        evaluate(constraintOf(twice), found).holds,
        evaluate(constraintOf(tree), found).holds,
      );
    }),
    options,
  );
});

test(`evaluate() keeps De Morgan's laws (seed ${seed})`, () => {
  const kinds = fc.constantFrom(["and", "or"] as const, ["or", "and"] as const);
  fc.assert(
    fc.property(trees, trees, kinds, properties, (left, right, [kind, dual], found) => {
      const whole: Tree = { kind: "not", part: { kind, parts: [left, right] } };
      const not = (part: Tree): Tree => ({ kind: "not", part });
      const parts: Tree = { kind: dual, parts: [not(left), not(right)] };
      assert.equal(
        evaluate(constraintOf(whole), found).holds,
        evaluate(constraintOf(parts), found).holds,
      );
    }),
    options,
  );
});

/** Pieces of the language in any order, so that random text gets further than its first character. */
const pieces = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "zone",
        "cores",
        "==",
        "=",
        "!=",
        "<",
        "in",
        "AND",
        "or",
        "NOT",
        "!",
        "(",
        ")",
      ),
      fc.constantFrom(
        "[",
        "]",
        ",",
        '"',
        "'",
        "\\",
        " ",
        "1.2.3",
        "[1.0,2.0)",
        "INFINITY",
        '"a,b"',
        "&&",
      ),
      fc.string({ unit: "binary", maxLength: 4 }),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(" "));

test(`parseConstraint() never throws, and a fault is in the text or at its end (seed ${seed})`, () => {
  const texts = fc.oneof(fc.string({ unit: "binary", maxLength: 300 }), pieces);
  fc.assert(
    fc.property(texts, properties, (text, found) => {
      const result = parseConstraint(text);
      if (result.ok) {
        evaluate(result.value, found);
        assert.deepEqual(treeOf(parsed(formatConstraint(result.value))), treeOf(result.value));
        return;
      }
      const { position, message } = result.error;
      assert.ok(position >= 0 && position <= text.length);
      assert.match(message, /^at character \d+: expected .+, found .+$/su);
    }),
    { ...options, numRuns: runCount * 5 },
  );
});
