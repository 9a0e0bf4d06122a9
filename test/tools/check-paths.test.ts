import assert from "node:assert/strict";
import { test } from "node:test";
import { checkPaths } from "../../tools/check-paths.ts";
import { makeCheckout } from "./checkout.ts";

// Put together here, as this file is looked at as well.
const planted = ["home", "root", "work"].map((folder) => `/${folder}/somebody/project`);

for (const path of planted) {
  test(`checkPaths() reports ${path}`, (t) => {
    const root = makeCheckout(t, { "src/x.ts": `\nconst path = "${path}";\n` });
    const problems = checkPaths(root);
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? "", /^src\/x\.ts:2 names/);
  });
}

test("checkPaths() allows paths that every machine has, and relative ones", (t) => {
  const root = makeCheckout(t, {
    "src/x.ts":
      'const a = "/var/lib/holdfast";\nimport "../work/x.ts";\nconst c = b + `}/root/x`;\n',
    "docs/x.md": "`/etc/holdfast/cli.yaml` and https://example.org/home/page\n",
  });
  assert.deepEqual(checkPaths(root), []);
});
