/**
 * Starts a server or an agent as a process of its own: own session and group, so that Ctrl-C at the terminal does
 * not reach it, output to a file, and killed by the kernel when the one who started it dies without a word.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";

export interface StartOptions {
  readonly command: readonly string[];
  /** Added to this process's own environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where its output goes, appended. */
  readonly logPath: string;
}

const setprivPaths = ["/usr/bin/setpriv", "/bin/setpriv"];

/** Starts it; whoever starts it has to wait for the signs of life that it gives. */
export function startProcess(options: StartOptions): ChildProcess {
  const output = openSync(options.logPath, "a", 0o600);
  try {
    const [program = "", ...rest] = [...endsWithParent(), ...options.command];
    const child = spawn(program, rest, {
      env: { ...process.env, ...options.environment },
      stdio: ["ignore", output, output],
      detached: true,
    });
    child.unref();
    return child;
  } finally {
    closeSync(output);
  }
}

/** Words before a command that make the kernel kill it when its parent dies; none where setpriv is missing. */
function endsWithParent(): readonly string[] {
  const setpriv = setprivPaths.find((path) => existsSync(path));
  return setpriv === undefined ? [] : [setpriv, "--pdeathsig", "KILL"];
}
