/**
 * Runs a command beside the workload, with its user, environment and directory: exit code 0 passes. At the end of
 * its time it is killed together with all that it started.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { killGroup, killSideCommand } from "../containment/side-command.ts";
import { messageOf } from "../workload-error.ts";
import type { CheckOutcome, HealthCheck } from "./health-check.ts";

const checkVariable = "HOLDFAST_CHECK";
/** So much of what it prints is kept for the sentence; the rest is read and dropped. */
const outputCharsMax = 300;

/** How to run the check; all ready-made by the driver. */
export interface ExecCheckOptions {
  /** Absolute command line, with what changes its user in front. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  /** The name for the sentence. */
  readonly name: string;
}

/** A check that runs the command; what it prints goes into the sentence, bounded. */
export function execCheck(options: ExecCheckOptions): HealthCheck {
  return async (signal) => {
    const marker = randomUUID();
    const [file, ...rest] = options.command;
    if (file === undefined || signal.aborted) {
      return { passed: false, detail: `command "${options.name}" was not run` };
    }
    const child = trySpawn(file, rest, options, marker);
    if (typeof child === "string") {
      return { passed: false, detail: `command "${options.name}" cannot be run: ${child}` };
    }
    const killAll = (): void => killSideCommand(child, `${checkVariable}=${marker}`);
    signal.addEventListener("abort", killAll, { once: true });
    try {
      return await outcomeOf(child, options.name, signal);
    } finally {
      signal.removeEventListener("abort", killAll);
      killGroup(child);
    }
  };
}

/** The started check, or why it could not be started. */
function trySpawn(
  file: string,
  rest: readonly string[],
  { workingDirectory, environment }: ExecCheckOptions,
  marker: string,
): ChildProcess | string {
  try {
    return spawn(file, rest, {
      cwd: workingDirectory,
      env: { ...environment, [checkVariable]: marker },
      stdio: ["ignore", "pipe", "pipe"],
      // A process group of its own, so that all of it can be killed.
      detached: true,
    });
  } catch (error: unknown) {
    return messageOf(error);
  }
}

function outcomeOf(child: ChildProcess, name: string, signal: AbortSignal): Promise<CheckOutcome> {
  let output = "";
  const keep = (chunk: Buffer): void => {
    if (output.length < outputCharsMax) output += chunk.toString("utf8");
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  return new Promise((resolve) => {
    child.once("error", (error) => {
      resolve({ passed: false, detail: `command "${name}" cannot be run: ${messageOf(error)}` });
    });
    // "exit", not "close": a child of it that keeps the pipe open must not keep the check waiting.
    child.once("exit", (code, ended) => {
      child.stdout?.destroy();
      child.stderr?.destroy();
      const said = output
        .replaceAll(/\p{Cc}/gu, " ")
        .trim()
        .slice(0, outputCharsMax);
      const how = ended === null ? `exit code ${code}` : `signal ${ended}`;
      const what = signal.aborted ? "did not end in time and was killed" : `ended with ${how}`;
      const detail = `command "${name}" ${what}${said === "" ? "" : `: ${said}`}`;
      resolve({ passed: code === 0 && !signal.aborted, detail });
    });
  });
}
