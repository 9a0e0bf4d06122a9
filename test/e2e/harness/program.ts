/** How a test runs one command as a user would. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "../../support/built-program.ts";

/** The command that starts Holdfast, as a user would. */
export const program: readonly string[] = [join(root, "bin", "holdfast")];

export interface CommandOutcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Added to the environment; undefined takes a variable away. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly directory?: string;
  readonly forMsMax?: number;
}

/** Runs a command to its end; one that takes too long is killed and has the exit code null. */
export function run(
  command: readonly string[],
  options: CommandOptions = {},
): Promise<CommandOutcome> {
  const { promise, resolve, reject } = Promise.withResolvers<CommandOutcome>();
  const [file = "", ...rest] = command;
  const child = spawn(file, rest, {
    cwd: options.directory ?? root,
    env: { ...process.env, ...options.environment },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: options.forMsMax ?? 30_000,
    killSignal: "SIGKILL",
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.on("error", reject);
  child.on("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
  return promise;
}

/** Runs `holdfast` with these words. */
export function holdfast(
  words: readonly string[],
  options: CommandOptions = {},
): Promise<CommandOutcome> {
  return run([...program, ...words], options);
}
