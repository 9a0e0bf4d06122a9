/** Becomes the launcher of an agent or a server: the same process, without anything of the command line in its memory. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { fail, type Outcome } from "../cli/failure.ts";

export interface LaunchOptions {
  readonly role: "agent" | "server";
  readonly dataDirectory: string;
  /** URL of the main file: the launcher is beside it, bundled or as a source. */
  readonly main: string;
}

/** Comes back with a failure only. Its words are those of this process, with `run` in the place of `launch`. */
export function becomeLauncher({ role, dataDirectory, main }: LaunchOptions): Outcome {
  const bundled = fileURLToPath(new URL("launcher.js", main));
  const source = fileURLToPath(new URL("launcher/main.ts", main));
  const path = existsSync(bundled) ? bundled : source;
  const given = process.argv.slice(2);
  const at = given.findIndex((word, index) => word === "launch" && given[index - 1] === role);
  // Resolved, so that all that look for it by its data directory name it in the same way.
  const words = [...given.toSpliced(at, 1, "run"), "--data", resolve(dataDirectory)];
  const node = [...process.execArgv, "--disable-warning=ExperimentalWarning"];
  const place = [role, resolve(dataDirectory), fileURLToPath(main)];
  if (process.execve === undefined) {
    return fail(1, `this Node.js cannot launch the ${role}; it needs 24 or newer`);
  }
  return process.execve(process.execPath, [process.execPath, ...node, path, ...place, ...words]);
}
