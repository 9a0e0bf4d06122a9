/** A process that has no file descriptor left cannot read /proc: that is no proof that a workload is dead (A4). */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { startTicksOf } from "../../src/agent/guard/process-table.ts";

const source = (path: string): string =>
  JSON.stringify(pathToFileURL(join(import.meta.dirname, "../../src", path)).href);
const script = `
import { openSync } from "node:fs";
import * as driver from ${source("adapters/workloads/process/containment/process-table.ts")};
import * as guard from ${source("agent/guard/process-table.ts")};
const identity = { pid: Number(process.argv[1]), startTicks: Number(process.argv[2]) };
const said = [];
try {
  for (;;) openSync("/dev/null", "r");
} catch {
  said.push(driver.isAlive(identity), guard.isAlive(identity));
  identity.pid = 4_194_304; // above the highest number that a kernel gives
  said.push(driver.isAlive(identity), guard.isAlive(identity));
}
process.stdout.write(JSON.stringify(said));
`;

test("a live process counts as alive, and one that is not there as dead", async () => {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  try {
    const pid = child.pid ?? 0;
    const node = [process.execPath, "--input-type=module", "-e", script];
    const command = ["-c", 'ulimit -n 100; exec "$@"', "sh", ...node, pid, startTicksOf(pid)];
    const { stdout } = await promisify(execFile)("/bin/sh", command.map(String));
    assert.deepEqual(JSON.parse(stdout), [true, true, false, false]);
  } finally {
    child.kill("SIGKILL");
  }
});
