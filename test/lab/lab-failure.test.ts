/** What is left of a lab whose test fails or is killed: words, and nothing else. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "../e2e/harness/program.ts";
import { waitFor } from "../e2e/harness/wait.ts";
import { missingLab } from "./namespaces.ts";

const missing = missingLab();
const script = (name: string): string => join(import.meta.dirname, "support", name);

test("a lab that fails says why, with the logs of its hosts", async (t) => {
  if (missing !== undefined) return t.skip(missing);
  const outcome = await run([process.execPath, "--test-reporter=tap", script("failing-lab.ts")], {
    environment: { NODE_TEST_CONTEXT: undefined },
  });
  assert.notEqual(outcome.exitCode, 0);
  assert.match(outcome.stdout, /this test fails on purpose/);
  assert.match(outcome.stdout, /the last words of a process/);
});

test("a lab whose test is killed leaves no process, and the next run removes its folder", async (t) => {
  if (missing !== undefined) return t.skip(missing);
  const folder = mkdtempSync(join(tmpdir(), "hf-killed-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const environment = { ...process.env, TMPDIR: folder, NODE_TEST_CONTEXT: undefined };
  const words = ["--test-reporter=tap", script("waiting-lab.ts")];
  const killed = spawn(process.execPath, words, { stdio: "ignore", env: environment });
  const pidPath = await waitFor("the lab to say who runs on its host", 20_000, () => {
    assert.equal(killed.exitCode, null, "the lab's test runs");
    const [lab] = readdirSync(folder);
    const path = lab === undefined ? "" : join(folder, lab, "marker");
    return existsSync(path) && readFileSync(path, "utf8") !== "" ? path : undefined;
  });
  const marker = readFileSync(pidPath, "utf8");
  assert.notEqual(livesWith(marker), 0, "a process of the host is seen from outside");
  killed.kill("SIGKILL");
  await once(killed, "exit");
  await waitFor("all processes of the lab to end", 10_000, () => livesWith(marker) === 0);
  const next = await run([process.execPath, "--test-reporter=tap", script("failing-lab.ts")], {
    environment: { TMPDIR: folder, NODE_TEST_CONTEXT: undefined },
  });
  assert.match(next.stdout, /this test fails on purpose/);
  assert.deepEqual(readdirSync(folder), [], "both folders are gone");
});

/** How many processes carry this word in their command line. */
function livesWith(marker: string): number {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, "latin1").split("\0").includes(marker);
    } catch {
      return false; // it has ended
    }
  }).length;
}
