/** Finds the guard of a data directory, or starts one in a session of its own so that it outlives the agent. */
import { spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { err, ok, type Result } from "../../core/result.ts";
import {
  connectToGuard,
  type GuardAnswerMessage,
  type GuardConnection,
  type GuardConnectionEvents,
} from "./connection.ts";
import { killExactly, startTicksOf } from "./process-table.ts";
import type { GuardCredentials, GuardStatus } from "./protocol.ts";

export interface LaunchOptions {
  readonly dataDirectory: string;
  /** Executable and arguments; the data directory is added as the last one. */
  readonly guardCommand: readonly string[];
  readonly credentials: GuardCredentials;
  readonly events: GuardConnectionEvents;
}

export interface LaunchedGuard {
  readonly connection: GuardConnection;
  readonly status: GuardStatus;
  /** `found`: it was there already, and may know what runs. */
  readonly origin: "found" | "started";
}

interface GuardNote {
  readonly pid: number;
  readonly startTicks: number;
  readonly socketPath: string;
}

const launchTimeoutMs = 8_000;
const lookAgainMs = 10;

/** Connects to the guard that is there; a guard that is there and does not answer is killed and replaced. */
export async function launchGuard(options: LaunchOptions): Promise<Result<LaunchedGuard, string>> {
  const note = readNote(options.dataDirectory);
  if (note !== undefined && startTicksOf(note.pid) === note.startTicks) {
    const found = await greet(note, options, "found");
    if (found.ok) return found;
    killExactly(note);
  }
  const start = startGuard(options);
  const deadlineMs = Date.now() + launchTimeoutMs;
  while (Date.now() < deadlineMs && start.failure() === undefined) {
    const fresh = readNote(options.dataDirectory);
    if (fresh !== undefined && fresh.pid === start.pid) return greet(fresh, options, "started");
    await new Promise((resolve) => setTimeout(resolve, lookAgainMs));
  }
  return err(`cannot start the guard: ${start.failure() ?? "it did not open its socket in time"}`);
}

async function greet(
  note: GuardNote,
  options: LaunchOptions,
  origin: LaunchedGuard["origin"],
): Promise<Result<LaunchedGuard, string>> {
  let isGreeted = false;
  const connected = await connectToGuard(note.socketPath, {
    ...options.events,
    onClose() {
      if (isGreeted) options.events.onClose(); // one that was dying when it was found is nobody's loss
    },
  });
  if (!connected.ok) return err(`cannot reach the guard: ${connected.error}`);
  const connection = connected.value;
  const answer: GuardAnswerMessage | undefined = await connection.request({
    kind: "hello",
    ...options.credentials,
  });
  if (answer?.answer === "accepted" && answer.status !== undefined) {
    isGreeted = true;
    return ok({ connection, status: answer.status, origin });
  }
  connection.close();
  return err(answer === undefined ? "the guard does not answer" : "the guard has another agent");
}

function startGuard(options: LaunchOptions): {
  readonly pid: number | undefined;
  failure(): string | undefined;
} {
  rmSync(join(options.dataDirectory, "guard.json"), { force: true });
  const [executable, ...argumentList] = options.guardCommand;
  if (executable === undefined) return { pid: undefined, failure: () => "no command is given" };
  let failure: string | undefined;
  const child = spawn(executable, [...argumentList, options.dataDirectory], {
    detached: true,
    stdio: "ignore",
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "", TMPDIR: process.env["TMPDIR"] ?? "/tmp" },
  });
  child.once("error", (error) => {
    failure = error.message;
  });
  child.once("exit", (code, signal) => {
    failure = `it ended at once (${signal ?? `exit code ${code}`})`;
  });
  child.unref();
  return { pid: child.pid, failure: () => failure };
}

function readNote(dataDirectory: string): GuardNote | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(join(dataDirectory, "guard.json"), "utf8"));
    if (typeof value !== "object" || value === null) return undefined;
    if (!("pid" in value) || !("startTicks" in value) || !("socketPath" in value)) return undefined;
    const { pid, startTicks, socketPath } = value;
    if (typeof pid !== "number" || typeof startTicks !== "number") return undefined;
    return typeof socketPath === "string" ? { pid, startTicks, socketPath } : undefined;
  } catch {
    return undefined; // there is no guard, or it has not finished writing: the same to the caller
  }
}
