import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { makeCheckout } from "./checkout.ts";

const script = join(import.meta.dirname, "../../.ci/run");

/** Runs .ci/run with a stand-in for npm. */
function run(
  t: TestContext,
  npm: string,
): { readonly status: number | null; readonly last: string } {
  const root = makeCheckout(t, { npm: `#!/bin/sh\n${npm}\n` });
  chmodSync(join(root, "npm"), 0o755);
  const { status, stdout } = spawnSync(script, [], {
    encoding: "utf8",
    env: { PATH: `${root}:/usr/bin:/bin` },
    timeout: 30_000,
  });
  return { status, last: stdout.trimEnd().split("\n").at(-1) ?? "" };
}

const summary = 'echo "3 passed, 0 failed" | tee "$HOLDFAST_TEST_SUMMARY_FILE"';

test(".ci/run ends with the tests' own summary and status", (t) => {
  assert.deepEqual(run(t, summary), { status: 0, last: "3 passed, 0 failed" });
  assert.deepEqual(run(t, `${summary.replace("0 failed", "1 failed")}; exit 1`), {
    status: 1,
    last: "3 passed, 1 failed",
  });
});

test(".ci/run counts an npm that fails before the tests as one failure", (t) => {
  assert.deepEqual(run(t, "echo broken; exit 7"), { status: 7, last: "0 passed, 1 failed" });
});

test(".ci/run fails when npm succeeds without having run the tests", (t) => {
  assert.deepEqual(run(t, "exit 0"), { status: 1, last: "0 passed, 1 failed" });
});
