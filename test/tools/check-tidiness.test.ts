import assert from "node:assert/strict";
import { test } from "node:test";
import { checkTidiness } from "../../tools/check-tidiness.ts";
import { makeCheckout } from "./checkout.ts";

const top = "/** What this file is. */\n";
const lines = (count: number): string => "// line\n".repeat(count);

const planted = [
  {
    name: "a long file",
    files: { "src/cli/long.ts": top + lines(400) },
    expected: /src\/cli\/long\.ts has 401 lines/,
  },
  {
    name: "a long function",
    files: { "src/cli/f.ts": `${top}export function f() {\n${lines(69)}}\n` },
    expected: /src\/cli\/f\.ts:2: a function of 71 lines/,
  },
  {
    name: "a long arrow function",
    files: { "src/cli/f.ts": `${top}export const f = () => {\n${lines(69)}};\n` },
    expected: /a function of 71 lines/,
  },
  {
    name: "a default export",
    files: { "src/cli/d.ts": `${top}export default function d() {}\n` },
    expected: /export by name/,
  },
  {
    name: "a default export by renaming",
    files: { "src/cli/d.ts": `${top}const d = 1;\nexport { d as default };\n` },
    expected: /export by name/,
  },
  {
    name: "export *",
    files: { "src/cli/s.ts": `${top}export * from "./a.ts";\n` },
    expected: /name what is exported/,
  },
  {
    name: "a name that is not kebab-case",
    files: { "src/cli/someThing.ts": top },
    expected: /file names are kebab-case/,
  },
  {
    name: "a file without a word at its top",
    files: { "src/cli/x.ts": "export const x = 1;\n" },
    expected: /say at the top of the file/,
  },
  {
    name: "an export without docstring in a port",
    files: { "src/ports/p.ts": `${top}export type A = 1;\n\nexport type B = 2;\n` },
    expected: /src\/ports\/p\.ts:4: B is exported and has no docstring/,
  },
  {
    name: "a folder with too many files",
    files: Object.fromEntries(
      Array.from({ length: 16 }, (_, index) => [`src/cli/many/f${index}.ts`, top]),
    ),
    expected: /src\/cli\/many holds 16 files/,
  },
] as const;

for (const { name, files, expected } of planted) {
  test(`checkTidiness() reports ${name}`, (t) => {
    const problems = checkTidiness(makeCheckout(t, files));
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(problems[0] ?? "", expected);
  });
}

test("checkTidiness() takes a schema and its type, and a file's first export, as documented", (t) => {
  const root = makeCheckout(t, {
    "src/wire/a.ts": `${top}import * as z from "zod";\n\nexport const aSchema = z.string();\nexport type A = z.output<typeof aSchema>;\n`,
    "src/wire/b.ts": `${top}const hidden = 1;\n\n/** Says it. */\nexport const b = hidden;\n`,
  });
  assert.deepEqual(checkTidiness(root), []);
});

test("checkTidiness() counts functions declared in another one by themselves", (t) => {
  const inner = (name: string): string => `  function ${name}() {\n${lines(60)}  }\n`;
  const outer = (body: string): string => `${top}export function outer() {\n${body}}\n`;
  const many = outer(inner("a") + inner("b"));
  assert.deepEqual(checkTidiness(makeCheckout(t, { "src/cli/f.ts": many })), []);
  const callback = outer(`  call(() => {\n${lines(60)}  });\n${lines(10)}`);
  assert.match(
    checkTidiness(makeCheckout(t, { "src/cli/f.ts": callback })).join(),
    /a function of 74 lines of its own/,
  );
});

test("checkTidiness() lets tests and tables be long", (t) => {
  const root = makeCheckout(t, {
    "src/core/a.ts": top,
    "test/a.test.ts": lines(500),
    "tools/import-table.ts": top + lines(500),
  });
  assert.deepEqual(checkTidiness(root), []);
});

test("checkTidiness() reports a checkout without sources instead of being content", (t) => {
  assert.match(checkTidiness(makeCheckout(t, { "README.md": "" })).join(), /no file found/);
});
