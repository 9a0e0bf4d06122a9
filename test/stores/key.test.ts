/** Order and length of keys in UTF-8, against Node.js' own encoder. */
import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { compareKeys, rangeOfPrefix, utf8LengthOf } from "../../src/stores/shared/key.ts";

const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000_007);
/** Characters on both sides of each border of UTF-8 and UTF-16. */
const text = fc
  .array(
    fc.constantFrom(..."\u0001a\u007f\u0080é\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{10ffff}"),
    { maxLength: 5 },
  )
  .map((parts) => parts.join(""));

it("compareKeys() and utf8LengthOf() agree with the bytes", (t) => {
  t.diagnostic(`HOLDFAST_SEED=${seed}`);
  const property = fc.property(text, text, (left, right) => {
    const expected = Buffer.compare(Buffer.from(left), Buffer.from(right));
    assert.equal(Math.sign(compareKeys(left, right)), expected);
    assert.equal(utf8LengthOf(left), Buffer.byteLength(left));
  });
  fc.assert(property, { seed, numRuns: 2_000 });
});

it("rangeOfPrefix() holds exactly the keys that begin with the prefix", (t) => {
  t.diagnostic(`HOLDFAST_SEED=${seed}`);
  const property = fc.property(text, text, fc.boolean(), (prefix, tail, isBelow) => {
    const key = isBelow ? prefix + tail : tail;
    const { from, before } = rangeOfPrefix(prefix);
    const isInside =
      compareKeys(key, from) >= 0 && (before === undefined || compareKeys(key, before) < 0);
    assert.equal(isInside, key.startsWith(prefix));
    assert.ok(before === undefined || before.isWellFormed());
  });
  fc.assert(property, { seed, numRuns: 2_000 });
});
