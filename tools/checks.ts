/** The list of all checks, and how to run them, two at a time. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { checkDocs } from "./check-docs.ts";
import { checkImports } from "./check-imports.ts";
import { checkPaths } from "./check-paths.ts";
import { checkTidiness } from "./check-tidiness.ts";

export interface CheckOutcome {
  readonly name: string;
  readonly durationMs: number;
  /** A sentence or a tool's output for each thing that is wrong; empty: all is well. */
  readonly problems: readonly string[];
}

interface Check {
  readonly name: string;
  readonly run: (root: string) => readonly string[] | Promise<readonly string[]>;
}

const toolTimeoutMs = 300_000;
const checksAtOnce = 2;

/** The longest one first, so that no other has to wait for it at the end. */
const checks: readonly Check[] = [
  {
    name: "lint with types (eslint)",
    run: program("eslint", ["--max-warnings", "0", "src", "test", "tools"]),
  },
  { name: "formatting and lint (biome)", run: program("biome", ["check", "--error-on-warnings"]) },
  { name: "types", run: program("tsc", ["-p", "."]) },
  { name: "types of the core, without Node.js", run: program("tsc", ["-p", "src/core"]) },
  { name: "import directions", run: checkImports },
  { name: "tidiness", run: checkTidiness },
  { name: "documentation", run: checkDocs },
  { name: "machine paths", run: checkPaths },
  { name: "dead code (knip)", run: program("knip", ["--no-progress"]) },
];

/** Runs all checks, also after one has failed; `onOutcome` is called after each. */
export async function runChecks(
  root: string,
  onOutcome: (outcome: CheckOutcome) => void,
): Promise<void> {
  const left = [...checks];
  const work = async (): Promise<void> => {
    for (let check = left.shift(); check !== undefined; check = left.shift()) {
      const startedAtMs = performance.now();
      const problems = await check.run(root);
      onOutcome({ name: check.name, durationMs: performance.now() - startedAtMs, problems });
    }
  };
  await Promise.all(Array.from({ length: checksAtOnce }, work));
}

/** A check by a tool from node_modules: its output is the problem when its exit status is not 0. */
function program(name: string, arguments_: readonly string[]): Check["run"] {
  const options = { timeout: toolTimeoutMs, maxBuffer: 64 * 1024 * 1024 };
  return (root) =>
    new Promise((resolve) => {
      const tool = join(root, "node_modules/.bin", name);
      execFile(tool, arguments_, { ...options, cwd: root }, (error, stdout, stderr) => {
        if (error === null) return resolve([]);
        const output = `${stdout}${stderr}`.trim();
        resolve([output === "" ? `${name}: ${error.message}` : output]);
      });
    });
}
