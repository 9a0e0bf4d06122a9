/** Runs a person's command with its three streams open, as fast as they are read and no faster, and ends all of it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Readable, Writable } from "node:stream";
import { err, ok, type Result } from "../../../../core/result.ts";
import type {
  ExecError,
  ExecRequest,
  RunningExec,
  WorkloadExit,
} from "../../../../ports/workload.ts";
import { killMarked } from "../containment/side-command.ts";
import { exitOfStatus } from "../end/exit-status.ts";
import { messageOf } from "../workload-error.ts";

/** How to run it; all ready-made. */
export interface CommandOptions {
  /** Absolute command line. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  /** `NAME=value`, which its environment holds. */
  readonly mark: string;
  /**
   * `exit`: its input is descriptor 0, and its end that of the started process. `status`: its input is descriptor 4,
   * and it writes a shell's exit status to descriptor 3.
   */
  readonly endBy: "exit" | "status";
  readonly output: ExecRequest["output"];
}

const statusCharsMax = 10;
const stdioWithStatus: ("ignore" | "pipe")[] = ["ignore", "pipe", "pipe", "pipe", "pipe"];

/** As the port has it, without a word about its instance. */
export interface RunningCommand extends Omit<RunningExec, "ended"> {
  readonly ended: Promise<WorkloadExit>;
}

interface Started {
  readonly child: ChildProcess;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
}

/** Starts it. */
export function runCommand(options: CommandOptions): Result<RunningCommand, ExecError> {
  const started = trySpawn(options);
  if (typeof started === "string") {
    return err({ kind: "failed", message: `the command cannot be run: ${started}` });
  }
  const { stdin, stdout, stderr } = started;
  // It reads no more, or is dead: that is its own affair, and its end is told.
  stdin.on("error", () => stdin.destroy());
  if (stdin instanceof Readable) stdin.resume(); // a socket, whose end shows that nobody reads it
  const closed = new AbortController();
  stdin.once("close", () => closed.abort());
  let isKilled = false;
  const kill = (): void => {
    if (isKilled) return;
    isKilled = true;
    killMarked(options.mark);
    // Nobody waits any more for what it has written.
    stdout.destroy();
    stderr.destroy();
  };
  return ok({
    async write(bytes) {
      if (stdin.destroyed || stdin.writableEnded || stdin.write(bytes)) return;
      // Closed: it takes nothing any more, and nothing is left to wait for.
      await once(stdin, "drain", { signal: closed.signal }).catch(() => undefined);
    },
    endInput: () => {
      stdin.end();
    },
    kill,
    ended: follow(started, options),
  });
}

function trySpawn(options: CommandOptions): Started | string {
  const [file = "", ...rest] = options.command;
  try {
    const child = spawn(file, rest, {
      cwd: options.workingDirectory,
      env: { ...options.environment },
      stdio: options.endBy === "exit" ? ["pipe", "pipe", "pipe"] : stdioWithStatus,
      // A session of its own: signals of the agent's terminal are not for it.
      detached: true,
    });
    const { stdout, stderr } = child;
    const stdin = child.stdio[options.endBy === "exit" ? 0 : 4];
    if (!(stdin instanceof Writable) || stdout === null || stderr === null) {
      return "no descriptor is left for its streams";
    }
    return { child, stdin, stdout, stderr };
  } catch (error: unknown) {
    return messageOf(error);
  }
}

async function follow(
  { child, stdin, stdout, stderr }: Started,
  { output, mark, endBy }: CommandOptions,
): Promise<WorkloadExit> {
  const pumps = [
    pump(stdout, (bytes) => output("stdout", bytes)),
    pump(stderr, (bytes) => output("stderr", bytes)),
  ];
  const exit = endBy === "exit" ? await exitOf(child) : await statusOf(child);
  // What it leaves behind is no workload, and may hold its pipes open.
  killMarked(mark);
  stdin.destroy();
  await Promise.all(pumps);
  return exit;
}

/** "exit", not "close": a child of it that keeps a pipe open must not keep its person waiting. */
function exitOf(child: ChildProcess): Promise<WorkloadExit> {
  return new Promise((resolve) => {
    child.once("error", () => resolve({ code: undefined, signal: undefined }));
    child.once("exit", (code, signal) => {
      resolve({ code: code ?? undefined, signal: signal ?? undefined });
    });
  });
}

/** What the command's shell wrote before its end; a killed shell has written nothing. */
function statusOf(child: ChildProcess): Promise<WorkloadExit> {
  const source = child.stdio[3];
  let text = "";
  return new Promise((resolve) => {
    const finish = (): void => {
      const isStatus = /^[0-9]{1,3}\n$/.test(text);
      resolve(isStatus ? exitOfStatus(Number(text)) : { code: undefined, signal: undefined });
    };
    child.once("error", finish);
    source?.once("error", finish);
    source?.once("close", finish);
    source?.on("data", (chunk: Buffer) => {
      if (text.length < statusCharsMax) text += chunk.toString("latin1");
    });
  });
}

async function pump(source: Readable, take: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  try {
    for await (const bytes of source) await take(bytes);
  } catch {
    // It was cut short by `kill`: nobody waits for the rest.
  }
}
