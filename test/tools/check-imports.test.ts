import assert from "node:assert/strict";
import { test } from "node:test";
import { checkImports } from "../../tools/check-imports.ts";
import { makeCheckout } from "./checkout.ts";

const clean = {
  "src/core/a.ts": "export const a = 1;\n",
  "src/ports/p.ts": 'import type { a } from "../core/a.ts";\nexport type P = typeof a;\n',
  "src/main.ts": 'import "./ports/p.ts";\nimport "pino";\n',
};

const planted = [
  {
    name: "an outer folder imported by the core, also as a type",
    path: "src/core/b.ts",
    text: 'import type { P } from "../ports/p.ts";\nexport type B = P;\n',
    expected: /src\/core\/b\.ts:1 imports src\/ports\/p\.ts, but core may import only core: .*pure/,
  },
  {
    name: "Node.js in the core",
    path: "src/core/b.ts",
    text: 'export { readFile } from "node:fs";\n',
    expected: /"node:fs", but core runs without Node\.js/,
  },
  {
    name: "a package in a port by a dynamic import",
    path: "src/ports/q.ts",
    text: 'export const q = () => import("zod");\n',
    expected: /src\/ports\/q\.ts:1 imports the package "zod"/,
  },
  {
    name: "one store in another",
    path: "src/stores/memory/m.ts",
    text: 'import "../sqlite/s.ts";\n',
    expected: /stores\/memory may import only .*stores\/shared/,
  },
  {
    name: "an import type expression",
    path: "src/wire/w.ts",
    text: 'export type W = import("../ports/p.ts").P;\n',
    expected: /src\/wire\/w\.ts:1 imports src\/ports\/p\.ts/,
  },
  {
    name: "a composition root imported by a test",
    path: "test/x.test.ts",
    text: 'import "../src/main.ts";\n',
    expected: /nobody imports a main\.ts/,
  },
  {
    name: "a folder without a rule",
    path: "src/misc/x.ts",
    text: "export const x = 1;\n",
    expected: /src\/misc\/x\.ts: its folder has no row/,
  },
  {
    name: "a file that imports itself by way of another",
    path: "src/core/c.ts",
    text: 'import type { D } from "./d.ts";\nexport type C = D;\n',
    expected: /import cycle: src\/core\/c\.ts → src\/core\/d\.ts → src\/core\/c\.ts/,
  },
] as const;

test("checkImports() finds nothing in a house that is in order", (t) => {
  const root = makeCheckout(t, clean);
  assert.deepEqual(checkImports(root), []);
});

for (const { name, path, text, expected } of planted) {
  test(`checkImports() reports ${name}`, (t) => {
    const root = makeCheckout(t, {
      ...clean,
      "src/core/d.ts": 'import type { C } from "./c.ts";\nexport type D = C | 1;\n',
      "src/stores/sqlite/s.ts": "export const s = 1;\n",
      [path]: text,
    });
    const problems = checkImports(root);
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(problems[0] ?? "", expected);
  });
}

test("checkImports() reports a checkout without sources instead of being content", (t) => {
  const root = makeCheckout(t, { "README.md": "" });
  assert.match(checkImports(root).join(), /no file found/);
});
