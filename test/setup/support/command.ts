/** The command line as a process of its own, for tests of what makes a machine a server or a node. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { mainPath } from "../../support/built-program.ts";

const commandMsMax = 60_000;

export interface CommandOutcome {
  /** Undefined: a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `holdfast ...` to its end. Nothing of this process's own `HOLDFAST_*` comes through. */
export async function holdfast(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandOutcome> {
  return await beginHoldfast(words, env).outcome;
}

/** A command that goes on. */
export interface BegunCommand {
  readonly child: ChildProcess;
  readonly outcome: Promise<CommandOutcome>;
}

/** Begins `holdfast ...`; it is killed when it takes too long. */
export function beginHoldfast(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): BegunCommand {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("HOLDFAST_"));
  const child = spawn(process.execPath, [...process.execArgv, mainPath, ...words], {
    env: { ...Object.fromEntries(own), ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: commandMsMax,
    killSignal: "SIGKILL",
  });
  return { child, outcome: outcomeOf(child) };
}

async function outcomeOf(child: ChildProcess): Promise<CommandOutcome> {
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
    });
  }
  await once(child, "close");
  return { code: child.exitCode ?? undefined, ...texts };
}

/** A folder that goes with the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "hf-setup-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
