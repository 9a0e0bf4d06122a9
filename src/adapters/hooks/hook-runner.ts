/**
 * Runs the programs that a person has named for becoming leader and follower: by an argument list, without a shell,
 * with a time limit, in a process group of their own. What they say goes to the log.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type {
  FloatingAddress,
  HookCall,
  HookOutcome,
  HookRunner,
  OfficeRole,
} from "../../ports/office.ts";

/** Who runs the programs, and which. */
export interface HookRunnerOptions {
  readonly programs: Readonly<Record<OfficeRole, string | undefined>>;
  readonly timeLimitMs: number;
  readonly server: { readonly id: string; readonly name: string };
  /** For the programs to know; undefined: there is none. */
  readonly address: FloatingAddress | undefined;
  /** The server's own: it notes there which run goes on. */
  readonly dataDirectory: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** From being asked to end until being killed. */
const endMsMax = 1_000;
/** Lines and bytes of one run that go to the log. */
const linesMax = 50;
const lineBytesMax = 500;
/** What it said last may still be in the pipe when it has ended. */
const drainMsMax = 200;
const markName = "HOLDFAST_HOOK_RUN";

type HookProcess = ChildProcessByStdio<null, Readable, Readable>;

export function createHookRunner(options: HookRunnerOptions): HookRunner {
  const notePath = join(options.dataDirectory, "hook-run");
  return {
    has: (role) => options.programs[role] !== undefined,
    async endLeftover() {
      const mark = await readFile(notePath, "utf8").catch(() => undefined);
      if (mark === undefined) return;
      for (const pid of markedBy(mark.trim())) {
        options.log.write("warn", `ends a hook of an earlier life of this server (process ${pid})`);
        kill(pid, "SIGKILL");
      }
      await rm(notePath, { force: true });
    },
    async run(call, signal) {
      const program = options.programs[call.role];
      if (program === undefined || signal.aborted) return { kind: "called-off" };
      const mark = randomUUID();
      try {
        await writeFile(notePath, mark, { mode: 0o600 });
        return await runProgram(options, { program, call, mark, signal });
      } catch (error: unknown) {
        return { kind: "not-started", because: sentenceOfSystemError(error) };
      } finally {
        await rm(notePath, { force: true });
      }
    },
  };
}

interface Run {
  readonly program: string;
  readonly call: HookCall;
  readonly mark: string;
  readonly signal: AbortSignal;
}

async function runProgram(options: HookRunnerOptions, run: Run): Promise<HookOutcome> {
  const { clock, log, timeLimitMs } = options;
  const child = spawn(run.program, [run.call.role], {
    detached: true,
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe"],
    env: environmentOf(options, run),
  });
  const said = sayLines(child, log.with({ hook: run.call.role }));
  const ended = endOf(child);
  let cut: HookOutcome | undefined;
  const end = (outcome: HookOutcome): void => {
    cut ??= outcome;
    kill(-(child.pid ?? 0), "SIGTERM");
    cancelKill = clock.after(endMsMax, () => kill(-(child.pid ?? 0), "SIGKILL"));
  };
  let cancelKill = (): void => undefined;
  const cancelLimit = clock.after(timeLimitMs, () => {
    end({ kind: "timed-out", afterMs: timeLimitMs });
  });
  const onAbort = (): void => end({ kind: "called-off" });
  run.signal.addEventListener("abort", onAbort, { once: true });
  if (run.signal.aborted) onAbort();
  const outcome = await ended;
  cancelLimit();
  run.signal.removeEventListener("abort", onAbort);
  // What it has begun in its own group and has left running goes with it, where it did not end by itself.
  if (cut !== undefined) kill(-(child.pid ?? 0), "SIGKILL");
  cancelKill();
  await said(clock);
  return cut ?? outcome;
}

function endOf(child: HookProcess): Promise<HookOutcome> {
  return new Promise((resolve) => {
    child.once("error", (error) => {
      resolve({ kind: "not-started", because: sentenceOfSystemError(error) });
    });
    child.once("exit", (exitCode, signal) => {
      resolve(
        signal === null ? { kind: "exited", exitCode: exitCode ?? 0 } : { kind: "killed", signal },
      );
    });
  });
}

/** Nothing of the server's own environment, which may hold what is not for others. */
function environmentOf(
  { server, address, dataDirectory }: HookRunnerOptions,
  { call, mark }: Run,
): Readonly<Record<string, string>> {
  const { PATH, HOME, LANG } = process.env;
  const kept = Object.entries({ PATH, HOME, LANG }).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return {
    ...Object.fromEntries(kept),
    HOLDFAST_ROLE: call.role,
    HOLDFAST_BECAUSE: call.occasion,
    HOLDFAST_SERVER_ID: server.id,
    HOLDFAST_SERVER_NAME: server.name,
    HOLDFAST_TERM: call.term === undefined ? "" : String(call.term),
    HOLDFAST_VIP: address === undefined ? "" : `${address.address}/${address.prefixLength}`,
    HOLDFAST_VIP_INTERFACE: address?.interface ?? "",
    HOLDFAST_DATA: dataDirectory,
    [markName]: mark,
  };
}

/** Logs what it says, up to a limit. The answer waits for the last words, for a moment. */
function sayLines(child: HookProcess, log: Log): (clock: Clock) => Promise<void> {
  let count = 0;
  const say = (line: string): void => {
    count += 1;
    if (count <= linesMax) log.write("info", `hook: ${line.slice(0, lineBytesMax)}`);
    if (count === linesMax + 1) log.write("warn", `hook: more than ${linesMax} lines are left out`);
  };
  const closed = [child.stdout, child.stderr].map((stream) => {
    let rest = "";
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = (lines.pop() ?? "").slice(0, lineBytesMax);
      for (const line of lines) if (line !== "") say(line);
    });
    return new Promise<void>((resolve) => {
      stream.once("close", () => {
        if (rest !== "") say(rest);
        resolve();
      });
    });
  });
  return async (clock) => {
    // A program in the background that has kept the pipe open is not waited for.
    const cancel = clock.after(drainMsMax, () => {
      for (const stream of [child.stdout, child.stderr]) stream.destroy();
    });
    await Promise.all(closed);
    cancel();
  };
}

function markedBy(mark: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const environment = readFileSync(`/proc/${name}/environ`, "latin1");
        return environment.split("\0").includes(`${markName}=${mark}`);
      } catch {
        return false; // gone, or another user's: none of ours
      }
    })
    .map(Number);
}

/** A negative number is a group's. */
function kill(pid: number, signal: NodeJS.Signals): void {
  if (pid === 0) return; // it was never started
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}
