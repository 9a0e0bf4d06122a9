/** `npm start` and `npm start -- --once`: the story comes out right, and no process is left, however it ends. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import * as z from "zod";
import { freePort } from "../../src/demo/ports.ts";
import { findProcesses, killProcesses, type ProcessMarks } from "../../src/demo/processes.ts";
import { mainPath } from "../support/built-program.ts";
import { holdfast, program, run } from "./harness/program.ts";
import { waitFor } from "./harness/wait.ts";

const storySchema = z.strictObject({
  failoverMs: z.number().positive(),
  leaseTtlMs: z.number().positive(),
  from: z.string(),
  to: z.string(),
  ranTwice: z.literal(false),
});

/** A directory for the demo's files alone, whose name in the environment marks all its processes. */
function demoHome(t: TestContext): { home: string; marks: ProcessMarks } {
  const home = mkdtempSync(join(tmpdir(), "hfd-"));
  chmodSync(home, 0o777);
  const marks = { variables: [`TMPDIR=${home}`] }; // a guard is given it, too
  t.after(async () => {
    await killProcesses(marks);
    rmSync(home, { recursive: true, force: true });
  });
  return { home, marks };
}

/** No process of the demo, and no workload: these have a clean environment, which names the demo's record file. */
function assertNothingLeft(home: string, marks: ProcessMarks): void {
  assert.deepEqual(findProcesses(marks), [], "processes of the demo");
  assert.deepEqual(workloadsOf(home), [], "workloads of the demo");
}

/** Process numbers of the workloads whose record file is below `home`. */
function workloadsOf(home: string): readonly string[] {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/environ`, "utf8").includes(`\0RUN_RECORDS=${home}/`);
    } catch {
      return false; // it has ended, or is another user's
    }
  });
}

function checkStory(stdout: string): void {
  const story = storySchema.parse(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? ""));
  assert.notEqual(story.from, story.to);
  assert.ok(story.failoverMs < story.leaseTtlMs + 5_000, `failover in ${story.failoverMs} ms`);
}

test("demo --once tells its story and leaves nothing, also when its port is in use", {
  timeout: 90_000,
}, async (t) => {
  const { home, marks } = demoHome(t);
  const busy = createServer();
  t.after(() => busy.close());
  const port = await freePort(0);
  await new Promise<void>((resolve) => busy.listen(port, "127.0.0.1", resolve));
  const outcome = await holdfast(["demo", "--once", "--port", String(port)], {
    environment: { TMPDIR: home },
    forMsMax: 80_000,
  });
  assert.equal(outcome.exitCode, 0, `${outcome.stdout}\n${outcome.stderr}`);
  checkStory(outcome.stdout);
  assert.match(outcome.stdout, new RegExp(`Port ${port} is in use`));
  assertNothingLeft(home, marks);
  assert.deepEqual(readdirSync(home), [], "no file is left");
});

test("demo --once works as an ordinary user", { timeout: 90_000 }, async (t) => {
  if (process.getuid?.() !== 0)
    return t.skip("only root can become another user; see the test before");
  const reason = await otherUserCannot();
  if (reason !== undefined) return t.skip(reason);
  const { home, marks } = demoHome(t);
  const outcome = await run([...asOtherUser, ...program, "demo", "--once"], {
    environment: { TMPDIR: home, HOME: home },
    directory: home,
    forMsMax: 80_000,
  });
  assert.equal(outcome.exitCode, 0, `${outcome.stdout}\n${outcome.stderr}`);
  checkStory(outcome.stdout);
  assertNothingLeft(home, marks);
});

const asOtherUser = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] as const;

async function otherUserCannot(): Promise<string | undefined> {
  const words = `test -r ${mainPath} && test -x ${process.execPath}`;
  const outcome = await run([...asOtherUser, "sh", "-c", words]).catch(() => undefined);
  if (outcome === undefined) return "setpriv is not installed";
  return outcome.exitCode === 0 ? undefined : "another user may not read this checkout";
}

interface LiveDemo {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly home: string;
  readonly marks: ProcessMarks;
}

async function startLive(t: TestContext): Promise<LiveDemo> {
  const { home, marks } = demoHome(t);
  const [file = "", ...rest] = program;
  const child = spawn(file, [...rest, "demo"], {
    env: { ...process.env, TMPDIR: home },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  const take = (part: string): void => {
    text += part;
  };
  child.stdout.setEncoding("utf8").on("data", take);
  child.stderr.setEncoding("utf8").on("data", take);
  await waitFor("the demo's welcome", 40_000, () => {
    assert.equal(child.exitCode, null, text);
    return text.includes("Ctrl-C");
  });
  assert.ok(workloadsOf(home).length >= 2, "both workloads are found");
  return { child, output: () => text, home, marks };
}

function ended(demo: LiveDemo): Promise<number | undefined> {
  return waitFor("the demo to end", 20_000, () => demo.child.exitCode ?? undefined);
}

const endings = [
  ["SIGINT", "node1"],
  ["SIGTERM", undefined],
  ["SIGHUP", undefined],
] as const;

for (const [signal, lost] of endings) {
  const after = lost === undefined ? "" : `, after ${lost} was killed`;
  test(`demo ends with ${signal} and leaves no process${after}`, {
    timeout: 90_000,
  }, async (t) => {
    const demo = await startLive(t);
    assert.ok(findProcesses(demo.marks).length >= 7, "server, agents and guards run");
    if (lost !== undefined) {
      const off = await holdfast(["demo", "power-off", lost], {
        environment: { TMPDIR: demo.home },
      });
      assert.equal(off.exitCode, 0, off.stderr);
    }
    demo.child.kill(signal);
    assert.equal(await ended(demo), 0, demo.output());
    assertNothingLeft(demo.home, demo.marks);
    assert.deepEqual(readdirSync(demo.home), [], "no file is left");
  });
}

test("the commands that the demo prints work as they stand; power off, failover, power on", {
  timeout: 90_000,
}, async (t) => {
  const demo = await startLive(t);
  const lines = demo
    .output()
    .split("\n")
    .map((line) => line.trim());
  const setting = lines.find((line) => line.startsWith("export HOLDFAST_SERVER="));
  assert.ok(setting !== undefined, demo.output());
  const printed = lines.filter((line) => /^(\.\/bin\/)?holdfast /.test(line));
  assert.ok(printed.length >= 5, demo.output());
  for (const line of printed) {
    const words = line.replace(
      /^(\.\/bin\/)?holdfast/,
      program.map((word) => `'${word}'`).join(" "),
    );
    const outcome = await run(["sh", "-c", `${setting}; ${words}`], {
      environment: { TMPDIR: demo.home },
      forMsMax: 40_000,
    });
    assert.equal(outcome.exitCode, 0, `${line}\n${outcome.stdout}${outcome.stderr}`);
  }
  await waitFor("the events to be told", 10_000, () =>
    /node\d has power again/.test(demo.output()),
  );
  const unknown = await holdfast(["demo", "power-off", "node9"], {
    environment: { TMPDIR: demo.home },
  });
  assert.notEqual(unknown.exitCode, 0);
  assert.match(unknown.stderr, /node9/);
  demo.child.kill("SIGINT");
  assert.equal(await ended(demo), 0);
});

test("demo that is killed with SIGKILL leaves nothing for long", { timeout: 90_000 }, async (t) => {
  if (!existsSync("/usr/bin/setpriv")) return t.skip("setpriv is not installed");
  const demo = await startLive(t);
  demo.child.kill("SIGKILL");
  await waitFor("all processes to end by themselves", 20_000, () => {
    return findProcesses(demo.marks).length === 0;
  });
  await waitFor("all workloads to be dead", 10_000, () => workloadsOf(demo.home).length === 0);
});

test("demo power-off without a demo says so", { timeout: 30_000 }, async (t) => {
  const { home } = demoHome(t);
  const outcome = await holdfast(["demo", "power-off", "node1"], { environment: { TMPDIR: home } });
  assert.notEqual(outcome.exitCode, 0);
  assert.match(outcome.stderr, /no demo is running/);
});
