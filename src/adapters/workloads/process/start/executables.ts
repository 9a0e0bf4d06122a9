/** Finds executables the way a shell would, without one. */
import { accessSync, constants, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { ok, type Result } from "../../../../core/result.ts";
import { messageOf } from "../workload-error.ts";

/** Where the system's own tools are, for agents that were started with a short PATH. */
export const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The absolute path of a command: with a "/" in it relative to `directory`, else looked up in `path`.
 * The error is one sentence.
 */
export function findExecutable(
  command: string,
  path: string,
  directory: string,
): Result<string, string> {
  if (command.includes("/")) {
    const absolute = resolve(directory, command);
    const fault = faultOfExecutable(absolute);
    return fault === undefined ? ok(absolute) : { ok: false, error: fault };
  }
  let notExecutable: string | undefined;
  for (const part of path.split(":")) {
    const candidate = join(resolve(directory, part), command);
    const fault = faultOfExecutable(candidate);
    if (fault === undefined) return ok(candidate);
    if (fault.endsWith("not executable")) notExecutable ??= fault;
  }
  return {
    ok: false,
    error: notExecutable ?? `command "${command}" was not found in PATH "${path}"`,
  };
}

function faultOfExecutable(path: string): string | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return `command "${path}" does not exist`;
    if (!stat.isFile()) return `command "${path}" is not a file`;
  } catch (error: unknown) {
    return `command "${path}" cannot be reached: ${messageOf(error)}`;
  }
  try {
    accessSync(path, constants.X_OK);
    return undefined;
  } catch {
    return `command "${path}" is not executable`;
  }
}
