import assert from "node:assert/strict";
import { test } from "node:test";
import { findCycles } from "../../tools/import-cycles.ts";

const tables: readonly {
  readonly name: string;
  readonly edges: Readonly<Record<string, readonly string[]>>;
  readonly cycles: readonly (readonly string[])[];
}[] = [
  { name: "no cycle in a diamond", edges: { a: ["b", "c"], b: ["d"], c: ["d"] }, cycles: [] },
  { name: "a file that imports itself", edges: { a: ["a"] }, cycles: [["a", "a"]] },
  {
    name: "a group once, by a shortest cycle",
    edges: { a: ["b"], b: ["c", "a"], c: ["a"] },
    cycles: [["a", "b", "a"]],
  },
  {
    name: "two groups that one leads to the other",
    edges: { a: ["b"], b: ["a", "c"], c: ["d"], d: ["c"] },
    cycles: [
      ["a", "b", "a"],
      ["c", "d", "c"],
    ],
  },
];

for (const { name, edges, cycles } of tables) {
  test(`findCycles() finds ${name}`, () => {
    assert.deepEqual(findCycles(new Map(Object.entries(edges))), cycles);
  });
}
