/** Reading /proc: names that look like fields, markers that only look alike, processes that are gone. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  carriesMarker,
  childrenOf,
  isAlive,
  readAllProcesses,
  readProcess,
  sendSignal,
} from "../../src/adapters/workloads/process/containment/process-table.ts";
import { temporaryDirectory, waitFor } from "./support.ts";

function start(
  t: TestContext,
  command: string,
  environment: Record<string, string> = {},
): ChildProcess & { readonly pid: number } {
  const child = spawn(command, ["-c", "while :; do sleep 0.1; done"], { env: environment });
  t.after(() => child.kill("SIGKILL"));
  const { pid } = child;
  assert.ok(pid !== undefined);
  return Object.assign(child, { pid });
}

test("readProcess() reads past a command's name that holds brackets and spaces", async (t) => {
  const odd = join(temporaryDirectory(t), "a) R 1 (b");
  symlinkSync("/bin/sh", odd);
  const { pid } = start(t, odd);
  const entry = await waitFor("its session", () => {
    const found = readProcess(pid);
    return found?.alive === true && found;
  });
  assert.equal(entry.parentPid, process.pid);
  assert.ok(entry.startTicks > 0);
  assert.ok(childrenOf(process.pid).some((child) => child.pid === pid));
  assert.ok(readAllProcesses().some((other) => other.pid === pid));
});

test("isAlive() says no of a dead process, a zombie and another start time", async (t) => {
  const { pid } = start(t, "/bin/sh");
  const identity = await waitFor("it", () => readProcess(pid));
  assert.ok(isAlive(identity));
  assert.equal(isAlive({ pid, startTicks: identity.startTicks + 1 }), false);
  assert.equal(sendSignal({ pid, startTicks: identity.startTicks + 1 }, "SIGKILL"), "gone");
  assert.equal(sendSignal(identity, "SIGKILL"), "sent");
  await waitFor("its end", () => !isAlive(identity));
  assert.equal(sendSignal(identity, "SIGKILL"), "gone");
});

test("carriesMarker() wants the whole variable", async (t) => {
  const { pid } = start(t, "/bin/sh", { A: "1", XMARK: "id", MARK: "id7", MARKER: "id" });
  await waitFor("its environment", () => carriesMarker(pid, "A=1"));
  assert.equal(carriesMarker(pid, "MARKER=id"), true);
  assert.equal(carriesMarker(pid, "MARK=id7"), true);
  assert.equal(carriesMarker(pid, "MARK=id"), false, "not the beginning of a value");
  assert.equal(carriesMarker(pid, "ARKER=id"), false, "not the end of a name");
  assert.equal(carriesMarker(2 ** 30, "A=1"), false, "nobody there");
});
