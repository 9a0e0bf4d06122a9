/** Runs the system's tools to their end: argument lists, never a shell. */
import { execFile } from "node:child_process";
import { labPath } from "./namespaces.ts";

const commandTimeoutMs = 20_000;

/** Standard output of a command that ended well; throws with its words when it did not. */
export function runTool(command: readonly string[], input = ""): Promise<string> {
  const [file = "", ...rest] = command;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = { env: { ...process.env, PATH: labPath }, timeout: commandTimeoutMs };
  const child = execFile(file, rest, options, (error, stdout, stderr) => {
    if (error === null) resolve(stdout);
    else reject(new Error(`"${command.join(" ")}" failed: ${stderr.trim() || error.message}`));
  });
  // One that ends without reading its input is judged by its exit code.
  child.stdin?.on("error", () => undefined).end(input);
  return promise;
}
