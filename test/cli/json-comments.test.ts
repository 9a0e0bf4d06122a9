import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { blankComments } from "../../src/cli/input/json-comments.ts";

const cases: readonly (readonly [string, string])[] = [
  ["", ""],
  ['{"a": 1}', '{"a": 1}'],
  ['{"a": 1} // x', '{"a": 1}     '],
  ['// x\r\n{"a": 1}', '    \r\n{"a": 1}'],
  ['{/* x\ny */"a": 1}', '{    \n    "a": 1}'],
  ['{"a": "// no /* comment */"}', '{"a": "// no /* comment */"}'],
  ['{"a": "\\"// no"} // yes', '{"a": "\\"// no"}       '],
  ['{"a": "\\\\"} // yes', '{"a": "\\\\"}       '],
  ["/**/1/***/", "    1     "],
  ["1 /* // */ 2", "1          2"],
  ["1 // /* \n2", "1       \n2"],
  ["1 / 2", "1 / 2"],
  ['{"a": "no end // x\n} // y', '{"a": "no end // x\n}     '],
];

test("blankComments() blanks comments and nothing else, and moves nothing", () => {
  for (const [text, expected] of cases) {
    assert.deepEqual(blankComments(text), { ok: true, value: expected }, text);
  }
});

test("blankComments() says where a comment begins that does not end", () => {
  for (const text of ["/*", "/*/", "1\n\n /* x\n *", '"a" /* "*']) {
    const line = text.slice(0, text.indexOf("/*")).split("\n").length;
    const error = `line ${line}: the comment that begins here does not end`;
    assert.deepEqual(blankComments(text), { ok: false, error }, text);
  }
});

test("blankComments() of JSON between comments is that JSON", () => {
  const comment = fc.oneof(
    fc
      .string({ unit: fc.constantFrom("a", '"', "/", "*", "\\", " ") })
      .map((text) => `//${text}\n`),
    fc.string({ unit: fc.constantFrom("a", '"', "/", "\n", "\\") }).map((text) => `/*${text}*/`),
  );
  fc.assert(
    fc.property(fc.jsonValue(), comment, comment, (value, before, after) => {
      const text = `${before}${JSON.stringify([value, value], null, 1)}${after}`;
      const blanked = blankComments(text);
      assert.ok(blanked.ok);
      assert.equal(blanked.value.length, text.length);
      assert.deepEqual(JSON.parse(blanked.value), JSON.parse(JSON.stringify([value, value])));
    }),
    { seed: Number(process.env["SEED"] ?? Date.now() % 1_000_000), verbose: 1 },
  );
});
