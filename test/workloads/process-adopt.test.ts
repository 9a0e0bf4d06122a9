/** Workloads outlive the process that started them, and the next one takes them over. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  carriesMarker,
  isAlive,
  readAllProcesses,
  readProcess,
} from "../../src/adapters/workloads/process/containment/process-table.ts";
import type { WorkloadInstance } from "../../src/ports/workload.ts";
import { containments } from "./containments.ts";
import { type Bench, type Containment, createBench, shell, waitFor } from "./support.ts";

const leaver = fileURLToPath(new URL("start-and-leave.ts", import.meta.url));

/** Starts an instance in a process that is dead by SIGKILL when this resolves. */
async function startElsewhere(
  bench: Bench,
  containment: Containment,
  until: "released" | "prepared",
  configuration: unknown,
): Promise<WorkloadInstance> {
  const settings = [bench.directory, containment, until, JSON.stringify(configuration)];
  const child = spawn(process.execPath, [leaver, ...settings], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<string | null>((resolve) => {
    child.once("exit", (_code, signal) => resolve(signal));
  });
  const output = await text(child.stdout);
  assert.equal(await ended, "SIGKILL", "the process that started it is dead");
  const instance: WorkloadInstance = JSON.parse(output);
  bench.killLater(instance);
  return instance;
}

for (const { kind, skip } of containments) {
  const define = (criterion: string, body: (bench: Bench) => Promise<void>): void => {
    test(`process driver (${kind}) ${criterion}`, { skip }, (t) => body(createBench(t, kind)));
  };

  define(
    "adopt() takes over what an earlier process started, and notices its end",
    async (bench) => {
      const go = join(bench.directory, "go");
      const configuration = shell(`while ! test -e '${go}'; do sleep 0.05; done; exit 9`);
      const instance = await startElsewhere(bench, kind, "released", configuration);
      assert.ok(isAlive(instance.root), "it outlived the process that started it");
      assert.equal(await bench.driver.adopt(instance, configuration), "running");
      await bench.run(shell("true")).then(
        () => assert.fail("a second copy was started"),
        (error: Error) => assert.match(error.message, /still has a living instance/),
      );
      writeFileSync(go, "");
      await waitFor("its end", () => bench.recorder.exits.length > 0);
      const exit = { code: 9, signal: undefined };
      assert.deepEqual(bench.recorder.exits, [{ instanceId: instance.instanceId, exit }]);
      assert.equal(await bench.driver.adopt(instance, configuration), "gone");
    },
  );

  define("stop() ends an adopted instance by its stop signal", async (bench) => {
    const configuration = shell(
      "trap 'echo obeyed; exit 0' TERM; echo begun; while :; do sleep 0.05; done",
    );
    const instance = await startElsewhere(bench, kind, "released", configuration);
    assert.equal(await bench.driver.adopt(instance, configuration), "running");
    const log = join(bench.directory, "logs", "process-probe", "current.log");
    await waitFor("its output", () => readFileSync(log, "utf8").includes("begun"));
    const stopped = await bench.driver.stop(instance, configuration, { timeoutMs: 20_000 });
    assert.ok(stopped.ok);
    assert.match(readFileSync(log, "utf8"), /obeyed/);
    assert.equal(isAlive(instance.root), false);
    assert.deepEqual(bench.recorder.exits, []);
  });

  define("kill() ends an instance that it never saw, with what left its session", async (bench) => {
    const tag = `HOLDFAST_TEST_TAG=${bench.directory}`;
    const tagged = () =>
      readAllProcesses().filter((entry) => entry.alive && carriesMarker(entry.pid, tag));
    const sessions = () => new Set(tagged().map((entry) => entry.sessionId));
    const child = 'setsid sh -c "while :; do sleep 0.05; done"';
    const configuration = shell(`(${child} &); while :; do sleep 0.05; done`, {
      environment: { HOLDFAST_TEST_TAG: bench.directory },
    });
    const instance = await startElsewhere(bench, kind, "released", configuration);
    await waitFor("the child in a session of its own", () => sessions().size === 2);
    const killed = await bench.driver.kill(instance);
    assert.ok(killed.ok);
    assert.equal(isAlive(instance.root), false);
    // `unshare` itself stands outside of its namespace, and ends when it has collected the first process of it.
    const workload = tagged().filter(({ pid }) => !["unshare", ""].includes(commandOf(pid)));
    assert.deepEqual(workload, []);
    await waitFor("the end of unshare", () => tagged().length === 0);
  });

  define("adopts with the health check that it had, as JSON kept it", async (bench) => {
    const out = join(bench.directory, "seen");
    const configuration = shell("while :; do sleep 0.05; done", {
      environment: { OUT: out },
      health: {
        kind: "exec",
        command: "sh",
        arguments: ["-c", 'echo "$HOLDFAST_NODE" > "$OUT"'],
        intervalMs: 100,
      },
    });
    const instance = await startElsewhere(bench, kind, "released", configuration);
    assert.equal(await bench.driver.adopt(instance, configuration), "running");
    await waitFor("the verdict", () => bench.recorder.healths[0]?.health === "healthy");
    // Each check empties the file before it writes.
    await waitFor("its node's name", () => readFileSync(out, "utf8") === "node1\n");
  });

  define(
    "runs nothing when the process that prepared it ended before the release",
    async (bench) => {
      const out = join(bench.directory, "ran");
      const configuration = shell(`: > '${out}'; sleep 60`);
      const instance = await startElsewhere(bench, kind, "prepared", configuration);
      await waitFor("its end", () => !isAlive(instance.root));
      assert.equal(existsSync(out), false);
      assert.equal(await bench.driver.adopt(instance, configuration), "gone");
      const released = await bench.driver.release(instance, configuration);
      assert.equal(released.ok, false);
    },
  );

  define(
    "kill() leaves alone who has the number of an instance of an earlier boot",
    async (bench) => {
      const configuration = shell("while :; do sleep 0.05; done");
      const instance = await bench.run(configuration);
      const bootId = "00000000-0000-0000-0000-000000000000";
      const earlier = { ...instance, driverState: { ...instance.driverState, bootId } };
      assert.ok((await bench.driver.kill(earlier)).ok);
      assert.ok(isAlive(instance.root));
    },
  );

  define("kill() leaves alone who has the number but not the start time", async (bench) => {
    const configuration = shell("while :; do sleep 0.05; done");
    const { root, ...rest } = await bench.run(configuration);
    const startTicks = root.startTicks - 1;
    const earlier = { ...rest, instanceId: "another", root: { pid: root.pid, startTicks } };
    assert.ok((await bench.driver.kill(earlier)).ok);
    assert.ok(isAlive(root));
  });
}

test("process driver (tracked) adopt() kills what outlived the first process before it says `gone`", async (t) => {
  const bench = createBench(t, "tracked");
  const out = join(bench.directory, "pid");
  const configuration = shell(`echo $$ > '${out}'; while :; do sleep 0.05; done`);
  const instance = await startElsewhere(bench, "tracked", "released", configuration);
  await waitFor("its number", () => existsSync(out) && readFileSync(out, "utf8").endsWith("\n"));
  const workload = readProcess(Number(readFileSync(out, "utf8")));
  assert.ok(workload?.alive);
  process.kill(instance.root.pid, "SIGKILL");
  await waitFor("the end of the first process", () => !isAlive(instance.root));
  assert.ok(isAlive(workload), "nothing but the first process was killed");
  assert.equal(await bench.driver.adopt(instance, configuration), "gone");
  assert.equal(isAlive(workload), false);
});

/** The program's name; empty: the process has ended. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
}
