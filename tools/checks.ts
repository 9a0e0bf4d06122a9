/** The list of all checks, and how to run them one after the other. */
import { spawnSync } from "node:child_process";
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
  readonly run: (root: string) => readonly string[];
}

const toolTimeoutMs = 300_000;

const checks: readonly Check[] = [
  { name: "formatting and lint (biome)", run: program("biome", ["check", "--error-on-warnings"]) },
  { name: "types", run: program("tsc", ["-p", "."]) },
  { name: "types of the core, without Node.js", run: program("tsc", ["-p", "src/core"]) },
  {
    name: "lint with types (eslint)",
    run: program("eslint", ["--max-warnings", "0", "src", "test", "tools"]),
  },
  { name: "import directions", run: checkImports },
  { name: "tidiness", run: checkTidiness },
  { name: "documentation", run: checkDocs },
  { name: "machine paths", run: checkPaths },
  { name: "dead code (knip)", run: program("knip", ["--no-progress"]) },
];

/** Runs all checks, also after one has failed; `onOutcome` is called after each. */
export function runChecks(root: string, onOutcome: (outcome: CheckOutcome) => void): void {
  for (const check of checks) {
    const startedAtMs = performance.now();
    const problems = check.run(root);
    onOutcome({ name: check.name, durationMs: performance.now() - startedAtMs, problems });
  }
}

/** A check by a tool from node_modules: its output is the problem when its exit status is not 0. */
function program(name: string, arguments_: readonly string[]): Check["run"] {
  return (root) => {
    const result = spawnSync(join(root, "node_modules/.bin", name), arguments_, {
      cwd: root,
      encoding: "utf8",
      timeout: toolTimeoutMs,
      maxBuffer: 64 * 1024 * 1024,
    });
    if (result.status === 0) return [];
    const output = `${result.stdout}${result.stderr}`.trim();
    const end = result.error?.message ?? `exit status ${result.status ?? result.signal}`;
    return [output === "" ? `${name}: ${end}` : output];
  };
}
