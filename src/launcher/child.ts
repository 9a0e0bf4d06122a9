/** One start of the program: a process in a session of its own, so that a terminal's Ctrl-C reaches the launcher alone. */
import { spawn } from "node:child_process";
import { launcherVariable } from "./places.ts";

export interface ChildOptions {
  readonly command: readonly string[];
  /** Where its output goes; undefined: where the launcher's own goes. */
  readonly output: number | undefined;
}

/** How it ended; `code` as a shell would say it. */
export interface ChildEnd {
  readonly code: number;
  readonly how: string;
  readonly ranMs: number;
}

export interface Child {
  readonly pid: number | undefined;
  readonly ended: Promise<ChildEnd>;
  signal(name: NodeJS.Signals): void;
}

/** Added to a signal's number, as shells do. */
const signalBase = 128;
const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

/** Starts it. A program that cannot be started has ended with code 127. */
export function startChild({ command, output }: ChildOptions): Child {
  const [program = "", ...words] = command;
  const sinceMs = performance.now();
  const out = output ?? "inherit";
  const child = spawn(program, words, {
    detached: true,
    stdio: ["ignore", out, out],
    env: { ...process.env, [launcherVariable]: `${process.pid}:${process.ppid}` },
  });
  const ended = new Promise<ChildEnd>((resolve) => {
    const end = (code: number, how: string): void =>
      resolve({ code, how, ranMs: performance.now() - sinceMs });
    child.once("error", (error) => end(127, error.message));
    child.once("exit", (code, signal) => {
      if (signal === null) end(code ?? 1, `exit code ${code ?? 1}`);
      else end(signalBase + (signalNumbers[signal] ?? 0), signal);
    });
  });
  return {
    pid: child.pid,
    ended,
    signal: (name) => void child.kill(name),
  };
}
