/** A workload ends by itself when the last process that holds its lifeline open is gone. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isAlive } from "../../src/adapters/workloads/process/containment/process-table.ts";
import type { WorkloadInstance } from "../../src/ports/workload.ts";
import { containments } from "./containments.ts";
import { type Bench, createBench, shell, waitFor } from "./support.ts";

interface Lifeline {
  readonly path: string;
  /** Closes this process's hold on it. */
  letGo(): void;
  holdAgain(): void;
}

function makeLifeline(bench: Bench): Lifeline {
  const path = join(bench.directory, "lifeline");
  execFileSync("mkfifo", [path]);
  const hold = (): number => openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  let descriptor = hold();
  return {
    path,
    letGo: () => closeSync(descriptor),
    holdAgain() {
      descriptor = hold();
    },
  };
}

async function runOn(
  bench: Bench,
  lifeline: Lifeline,
  configuration: Record<string, unknown>,
): Promise<WorkloadInstance> {
  const instance = await bench.prepare(configuration, lifeline.path);
  const released = await bench.driver.release(instance, configuration);
  assert.ok(released.ok, released.ok ? "" : released.error.message);
  return instance;
}

/** Writes the numbers of its own process and of a child that ignores SIGTERM. */
function family(bench: Bench): { readonly file: string; readonly text: string } {
  const file = join(bench.directory, "pids");
  return { file, text: `(trap '' TERM; sleep 1000) & echo $! > '${file}'; wait` };
}

for (const { kind, skip } of containments) {
  test(`process driver (${kind}) ends a workload at the end of its lifeline`, {
    skip,
  }, async (t) => {
    const bench = createBench(t, kind);
    const lifeline = makeLifeline(bench);
    const { file, text } = family(bench);
    const configuration = shell(text);
    const instance = await runOn(bench, lifeline, configuration);
    const other = spawn("sleep", ["1000"], { stdio: ["ignore", "ignore", "ignore"] });
    t.after(() => other.kill("SIGKILL"));
    await waitFor("the child", () => existsSync(file) && readFileSync(file, "utf8").trim() !== "");
    assert.ok(isAlive(instance.root));
    lifeline.letGo();
    await waitFor("the end of all of it", () => bench.recorder.exits.length > 0);
    assert.ok(!isAlive(instance.root));
    assert.equal(other.exitCode ?? other.signalCode, null, "no other process was harmed");
  });

  test(`process driver (${kind}) lets a workload whose lifeline was cut outlive it`, {
    skip,
  }, async (t) => {
    const bench = createBench(t, kind);
    const lifeline = makeLifeline(bench);
    const configuration = shell("sleep 1000");
    const instance = await runOn(bench, lifeline, configuration);
    bench.driver.cutLifeline(instance);
    lifeline.letGo();
    await waitsAgain(instance);
    assert.ok(isAlive(instance.root), "only its own driver ends it");
    const stopped = await bench.driver.stop(instance, configuration, { timeoutMs: 2_000 });
    assert.ok(stopped.ok);
    assert.ok(!isAlive(instance.root));
  });

  test(`process driver (${kind}) ends a workload whose lifeline was tied again`, {
    skip,
  }, async (t) => {
    const bench = createBench(t, kind);
    const lifeline = makeLifeline(bench);
    const instance = await runOn(bench, lifeline, shell("sleep 1000"));
    for (const _ of [1, 2]) {
      bench.driver.cutLifeline(instance);
      lifeline.letGo();
      await waitsAgain(instance);
      lifeline.holdAgain();
      bench.driver.tieLifeline(instance);
    }
    assert.ok(isAlive(instance.root));
    lifeline.letGo();
    await waitFor("the end of all of it", () => bench.recorder.exits.length > 0);
    assert.ok(!isAlive(instance.root));
  });

  test(`process driver (${kind}) cuts the lifeline of an older version for good`, {
    skip,
  }, async (t) => {
    const bench = createBench(t, kind);
    const lifeline = makeLifeline(bench);
    const instance = await runOn(bench, lifeline, shell("sleep 1000"));
    const waiter = Number(instance.driverState["lifelinePid"]);
    const { lifelineCanBeLoose: _, ...driverState } = instance.driverState;
    bench.driver.cutLifeline({ ...instance, driverState });
    await waitFor(
      "the end of the one that waits",
      () => !readCommand(waiter).includes("holdfast-shim"),
    );
    lifeline.letGo();
    assert.ok(isAlive(instance.root));
  });

  test(`process driver (${kind}) leaves nothing of the lifeline behind after a stop`, {
    skip,
  }, async (t) => {
    const bench = createBench(t, kind);
    const lifeline = makeLifeline(bench);
    const configuration = shell("sleep 1000");
    const instance = await runOn(bench, lifeline, configuration);
    const waiter = Number(instance.driverState["lifelinePid"]);
    const stopped = await bench.driver.stop(instance, configuration, { timeoutMs: 2_000 });
    assert.ok(stopped.ok);
    await waitFor("its end", () => readCommand(waiter) === "");
    lifeline.letGo();
  });
}

/** Until the process that waits on the lifeline opens it, which it can once somebody else holds it. */
async function waitsAgain(instance: WorkloadInstance): Promise<void> {
  const waiter = Number(instance.driverState["lifelinePid"]);
  let countInRow = 0;
  await waitFor("the one that waits to wait again", () => {
    const targets = descriptorsOf(waiter);
    countInRow = targets.some((target) => target.endsWith("/lifeline")) ? 0 : countInRow + 1;
    return countInRow >= 3; // once may be in the moment before it opens it
  });
}

function descriptorsOf(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/fd`).map((name) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${name}`);
    } catch {
      return ""; // closed meanwhile
    }
  });
}

function readCommand(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

test("a lifeline is not inherited by what this process starts", async (t) => {
  const bench = createBench(t, "tracked");
  const lifeline = makeLifeline(bench);
  const child = spawn("ls", ["-l", "/proc/self/fd"], { stdio: ["ignore", "pipe", "inherit"] });
  let listing = "";
  child.stdout.on("data", (chunk: Buffer) => {
    listing += chunk.toString();
  });
  await once(child, "close");
  assert.ok(listing.includes("/proc/") && !listing.includes(lifeline.path));
  lifeline.letGo();
});
