/** Runs the program as a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { mainPath } from "../support/built-program.ts";

/** Longer than anything that these tests wait for, on a busy machine. */
const waitMsMax = 30_000;

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Program {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** All of standard output so far. */
  output(): string;
}

/** Starts it; `environment` is all that it gets besides PATH and HOME. */
export function start(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Program {
  const child = spawn(process.execPath, [...process.execArgv, mainPath, ...words], {
    env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 2 * waitMsMax,
    killSignal: "SIGKILL",
  });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const { promise, resolve } = Promise.withResolvers<Ended>();
  child.on("close", (code) => resolve({ code, out, err }));
  return { child, ended: promise, output: () => out };
}

/** Waits until `look` gives something; throws with `what` when it never does. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const deadlineMs = performance.now() + waitMsMax;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadlineMs)
      throw new Error(`waited ${waitMsMax} ms in vain for ${what}`);
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, 20);
    await promise;
  }
}
