/** Root runs the driver's tests a second time as an ordinary user: services need no privileges. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const files = ["process-contract.test.ts", "process-start.test.ts", "process-adopt.test.ts"];
const paths = files.map((file) => fileURLToPath(new URL(file, import.meta.url)));
const asNobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];

function runAsNobody(command: readonly string[]): Promise<{ failed: boolean; output: string }> {
  // Without the runner's own variables the inner one would believe to be a part of the outer.
  const environment = { PATH: process.env["PATH"] ?? "", HOME: "/", LANG: "C.UTF-8" };
  const options = { env: environment, timeout: 120_000, maxBuffer: 10_000_000 } as const;
  return new Promise((resolve) => {
    execFile("setpriv", [...asNobody, ...command], options, (error, stdout, stderr) => {
      resolve({ failed: error !== null, output: `${stdout}${stderr}` });
    });
  });
}

test("the process driver works for an ordinary user", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("these tests run as an ordinary user already");
  const readable = await runAsNobody([process.execPath, "--check", paths[0] ?? ""]);
  if (readable.failed) return t.skip("the user nobody cannot read this checkout or Node.js");
  const run = await runAsNobody([process.execPath, "--test", "--test-reporter=tap", ...paths]);
  assert.ok(!run.failed, run.output);
  assert.match(run.output, /^# fail 0$/m);
  assert.doesNotMatch(run.output, /^# pass 0$/m);
  return undefined;
});
