/** Runs a version of Holdfast once, before anything depends on it: whether it starts on this machine, and says who it is. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { err, ok, type Result } from "../core/result.ts";

/** On a slow disk a program that was just written takes seconds. */
const tryMsMax = 30_000;
const outputBytesMax = 65_536;
const shownLengthMax = 500;

/** Runs `MAIN version` with this process's Node.js. The error says what came instead of the version. */
export async function tryProgram(main: string, version: string): Promise<Result<void, string>> {
  const words = [...process.execArgv, main, "version"];
  const failed = (why: string): Result<void, string> =>
    err(
      `version ${version} does not start on this machine: ${why.trim().slice(0, shownLengthMax)}`,
    );
  try {
    const { stdout } = await promisify(execFile)(process.execPath, words, {
      timeout: tryMsMax,
      maxBuffer: outputBytesMax,
      env: { PATH: process.env["PATH"] ?? "" }, // nothing of this server's own settings
    });
    if (stdout.trim() === `holdfast ${version}`) return ok(undefined);
    return failed(`it says "${stdout.trim()}"`);
  } catch (error: unknown) {
    const output = error instanceof Error && "stderr" in error ? String(error.stderr) : "";
    const reason = error instanceof Error ? error.message : String(error);
    return failed(output.trim() === "" ? reason : output);
  }
}
