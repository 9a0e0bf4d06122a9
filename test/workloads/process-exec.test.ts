/** Commands beside a real workload: with its eyes and hands, and gone with it. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  readAllProcesses,
  readProcess,
} from "../../src/adapters/workloads/process/containment/process-table.ts";
import { createProcessDriver } from "../../src/adapters/workloads/process/process-driver.ts";
import type { ExecRequest, RunningExec, WorkloadInstance } from "../../src/ports/workload.ts";
import { containments } from "./containments.ts";
import {
  type Bench,
  clock,
  createBench,
  createRecorder,
  shell,
  silentLog,
  waitFor,
} from "./support.ts";

interface Side {
  readonly running: RunningExec;
  out(): string;
  err(): string;
}

type Start = Partial<ExecRequest> & Pick<ExecRequest, "command">;

async function start(bench: Bench, instance: WorkloadInstance, request: Start): Promise<Side> {
  const text = { stdout: "", stderr: "" };
  assert(bench.driver.exec !== undefined);
  const started = await bench.driver.exec(instance, {
    environment: {},
    output: (stream, bytes) => {
      text[stream] += Buffer.from(bytes).toString("utf8");
      return Promise.resolve();
    },
    ...request,
  });
  assert.ok(started.ok, started.ok ? "" : started.error.message);
  return { running: started.value, out: () => text.stdout, err: () => text.stderr };
}

async function run(bench: Bench, instance: WorkloadInstance, text: string): Promise<string> {
  const side = await start(bench, instance, { command: ["/bin/sh", "-c", text] });
  side.running.endInput();
  const { code } = await side.running.ended;
  assert.equal(code, 0, side.err());
  return side.out().trim();
}

/** A number that a command has printed, of a process that this test may see. */
function pidByMark(mark: string): number | undefined {
  const entry = readAllProcesses().find(({ pid, alive }) => {
    if (!alive) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(mark);
    } catch {
      return false; // it has ended
    }
  });
  return entry?.pid;
}

async function gone(mark: string): Promise<void> {
  await waitFor(`${mark} to be gone`, () => pidByMark(mark) === undefined);
}

for (const { kind, skip } of containments) {
  const bed = (t: TestContext): Bench => createBench(t, kind);
  const title = (text: string): string => `exec(), ${kind}: ${text}`;
  const forever = shell("while :; do sleep 1; done");

  test(title("runs in the workload's directory and environment"), { skip }, async (t) => {
    const bench = bed(t);
    const more = { environment: { COLOUR: "blue", SHAPE: "round" } };
    const instance = await bench.run({ ...forever, ...more });
    const own = join(bench.directory, "work", "process-probe");
    assert.equal(await run(bench, instance, "pwd"), own);
    assert.equal(
      await run(bench, instance, 'echo "$COLOUR $HOLDFAST_SERVICE"'),
      "blue process:probe",
    );
    const side = await start(bench, instance, {
      command: ["sh", "-c", 'echo "$COLOUR $SHAPE $HOLDFAST_INSTANCE"'],
      environment: { SHAPE: "square", HOLDFAST_INSTANCE: "another" },
    });
    assert.deepEqual(await side.running.ended, { code: 0, signal: undefined, withInstance: false });
    assert.equal(side.out(), `blue square ${instance.instanceId}\n`, "markers cannot be changed");
  });

  test(title("passes exit codes on, keeps output and errors apart, takes input"), {
    skip,
  }, async (t) => {
    const bench = bed(t);
    const instance = await bench.run(forever);
    const command = ["sh", "-c", "cat; echo trouble >&2; exit 7"];
    const side = await start(bench, instance, { command });
    await side.running.write(Buffer.from("one "));
    await side.running.write(Buffer.from("two"));
    side.running.endInput();
    assert.deepEqual(await side.running.ended, { code: 7, signal: undefined, withInstance: false });
    assert.deepEqual([side.out(), side.err()], ["one two", "trouble\n"]);
    const killed = await start(bench, instance, { command: ["sh", "-c", "kill -TERM $$"] });
    const exit = { code: undefined, signal: "SIGTERM", withInstance: false };
    assert.deepEqual(await killed.running.ended, exit);
  });

  test(title("output waits for whoever takes it, and none of it is lost"), { skip }, async (t) => {
    const bench = bed(t);
    const instance = await bench.run(forever);
    let taken = 0;
    const first = Promise.withResolvers<void>();
    const { running } = await start(bench, instance, {
      command: ["head", "-c", "3000000", "/dev/zero"],
      output: async (_stream, bytes) => {
        taken += bytes.length;
        if (taken === bytes.length) await first.promise;
      },
    });
    await waitFor("the first bytes", () => taken > 0);
    const before = taken;
    assert.ok(before < 200_000, `${before} bytes came at once`);
    first.resolve();
    assert.equal((await running.ended).code, 0);
    assert.equal(taken, 3_000_000);
  });

  test(title("says what cannot be run"), { skip }, async (t) => {
    const bench = bed(t);
    const instance = await bench.run(forever);
    const refusal = async (program: string): Promise<string> => {
      const request = { command: [program], environment: {}, output: () => Promise.resolve() };
      const started = await bench.driver.exec?.(instance, request);
      return started?.ok === false ? `${started.error.kind}: ${started.error.message}` : "runs";
    };
    assert.match(await refusal("no-such-program"), /^not-found: .*"no-such-program" was not found/);
    const plain = join(bench.directory, "plain");
    writeFileSync(plain, "", { mode: 0o600 });
    assert.match(await refusal(plain), /^not-executable: .*is not executable/);
    await bench.driver.stop(instance, forever, { timeoutMs: 0 });
    assert.match(await refusal("true"), /^failed: .*does not run on this node now/);
  });

  test(title("kill() ends it with all that it has started"), { skip }, async (t) => {
    const bench = bed(t);
    const instance = await bench.run(forever);
    const mark = `/dev/shm/exec-${process.pid}-${kind}-kill`;
    const text = `setsid sh -c 'while :; do sleep 1; done' ${mark} & echo up; wait`;
    const side = await start(bench, instance, { command: ["sh", "-c", text] });
    await waitFor("its own child", () => side.out() === "up\n" && pidByMark(mark));
    side.running.kill();
    const exit = await side.running.ended;
    assert.deepEqual([exit.code, exit.withInstance], [undefined, false]);
    await gone(mark);
    assert.ok(readProcess(instance.root.pid)?.alive, "the workload runs on");
  });

  test(title("what it leaves behind at its own end is killed"), { skip }, async (t) => {
    const bench = bed(t);
    const instance = await bench.run(forever);
    const mark = `/dev/shm/exec-${process.pid}-${kind}-left`;
    const text = `setsid sh -c 'while :; do sleep 1; done' ${mark} & echo up`;
    const side = await start(bench, instance, { command: ["sh", "-c", text] });
    assert.equal((await side.running.ended).code, 0);
    assert.equal(side.out(), "up\n");
    await gone(mark);
  });

  for (const how of ["stop", "kill", "own end"] as const) {
    test(title(`it dies with its instance: ${how}`), { skip }, async (t) => {
      const bench = bed(t);
      const flag = join(bench.directory, "end");
      const text = `while [ ! -e ${flag} ]; do sleep 0.1; done`;
      const instance = await bench.run(shell(text));
      const mark = `/dev/shm/exec-${process.pid}-${kind}-${how.replace(" ", "-")}`;
      const command = ["sh", "-c", "echo up; while :; do sleep 1; done", mark];
      const side = await start(bench, instance, { command });
      await waitFor("the command", () => side.out() === "up\n");
      if (how === "stop") await bench.driver.stop(instance, shell(text), { timeoutMs: 2_000 });
      else if (how === "kill") await bench.driver.kill(instance);
      else await run(bench, instance, `: >${flag}`);
      if (how !== "own end") {
        assert.equal(pidByMark(mark), undefined, "nothing is left when the stop is answered (A4)");
      }
      const exit = await side.running.ended;
      assert.deepEqual([exit.code, exit.withInstance], [undefined, true]);
      await gone(mark);
    });
  }

  test(title("an agent that takes over kills what commands of the last one left"), {
    skip,
  }, async (t) => {
    const bench = bed(t);
    const instance = await bench.run(forever);
    const mark = `/dev/shm/exec-${process.pid}-${kind}-adopt`;
    const text = `setsid sh -c 'while :; do sleep 1; done' ${mark} & echo up; wait`;
    const side = await start(bench, instance, { command: ["sh", "-c", text] });
    await waitFor("its own child", () => side.out() === "up\n" && pidByMark(mark));
    const next = createProcessDriver({
      dataDirectory: bench.directory,
      clock,
      log: silentLog,
      listener: createRecorder(),
      containment: kind,
    });
    t.after(() => next.close());
    assert.equal(await next.adopt(instance, forever), "running");
    await gone(mark);
    await side.running.ended;
    assert.ok(readProcess(instance.root.pid)?.alive, "the workload runs on");
  });
}

test("exec(), namespace: it sees the workload's processes by the workload's numbers", {
  skip: containments[0]?.skip,
}, async (t) => {
  const bench = createBench(t, "namespace");
  const instance = await bench.run(
    shell("while :; do sleep 1; done", {
      arguments: ["-c", "while :; do sleep 1; done", "the-workload"],
    }),
  );
  const seen = await run(bench, instance, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '");
  assert.match(seen, /the-workload/);
  assert.equal(
    await run(
      bench,
      instance,
      "[ -d /proc/1 ] && tr '\\0' ' ' </proc/1/cmdline | grep -c holdfast-shim",
    ),
    "1",
  );
});
