import assert from "node:assert/strict";
import { test } from "node:test";
import { checkDocs } from "../../tools/check-docs.ts";
import type { HelpReader } from "../../tools/documented-commands.ts";
import { makeCheckout } from "./checkout.ts";

const clean = {
  "README.md":
    "# Title\n\n[safety](docs/safety.md#s1-one-copy)\n\n```sh\n./bin/holdfast node list -o json # all\n```\n",
  "docs/safety.md": "# Safety\n\n### S1. One copy\n\n### A1. Clocks\n",
  "docs/glossary.md": "`online` `started`",
  "docs/states/node.md": "`online`",
  "docs/states/service.md": "`started`",
  "src/core/model/node.ts": 'export const nodeStates = ["online"] as const;\n',
  "src/core/model/service.ts":
    'export const managerStates = ["started"] as const; // S1\nexport const requestedStates = ["started"] as const;\n',
};

const helpTexts = new Map([
  ["", "Usage: holdfast\n\nOptions:\n  --server <url>  where\n\nCommands:\n  node        nodes\n"],
  ["node", "Usage: holdfast node\n\nCommands:\n  list [options]  all\n"],
  ["node list", "Usage: holdfast node list\n\nOptions:\n  -o, --output <format>  how\n"],
]);
const readHelp: HelpReader = (command) => {
  const text = helpTexts.get(command.join(" "));
  return text === undefined ? { kind: "failed", text: "no such" } : { kind: "text", text };
};

const planted = [
  {
    name: "a link that leads nowhere",
    files: { "docs/x.md": "[there](../nothing.md)" },
    expected: /docs\/x\.md: link to "\.\.\/nothing\.md" leads nowhere/,
  },
  {
    name: "a link to a heading that is not there",
    files: { "docs/x.md": "[there](safety.md#s9)" },
    expected: /has no heading for the link to "#s9"/,
  },
  {
    name: "a command that does not exist",
    files: { "docs/x.md": "text\n\n```sh\nholdfast node destroy\n```\n" },
    expected: /docs\/x\.md:4: "holdfast node destroy" does not exist; there are list/,
  },
  {
    name: "a flag that does not exist",
    files: { "docs/x.md": "```sh\n$ holdfast node list --loud\n```\n" },
    expected: /"holdfast node list" has no flag --loud/,
  },
  {
    name: "an argument of a command that takes none",
    files: { "docs/x.md": "```sh\nholdfast node list node1\n```\n" },
    expected: /"holdfast node list" takes no argument, and "node1" is one/,
  },
  {
    name: "a cited property that is not defined",
    files: { "src/core/x.ts": "// kept by L3\n" },
    expected: /src\/core\/x\.ts cites L3/,
  },
  {
    name: "a state that the glossary lacks",
    files: { "docs/glossary.md": "`started`" },
    expected: /docs\/glossary\.md does not say what `online` means/,
  },
  {
    name: "a state that its page lacks",
    files: { "docs/states/node.md": "" },
    expected: /docs\/states\/node\.md does not say what `online` means/,
  },
] as const;

test("checkDocs() finds nothing in pages that are true", (t) => {
  assert.deepEqual(checkDocs(makeCheckout(t, clean), readHelp), []);
});

for (const { name, files, expected } of planted) {
  test(`checkDocs() reports ${name}`, (t) => {
    const problems = checkDocs(makeCheckout(t, { ...clean, ...files }), readHelp);
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(problems[0] ?? "", expected);
  });
}

test("checkDocs() asks the checkout's launcher and reports when it fails", (t) => {
  const root = makeCheckout(t, clean);
  assert.match(checkDocs(root).join(), /"holdfast --help" failed/);
});
