/**
 * Registers a test that runs in a lab. The test file is started a second time inside the lab's namespaces, for this
 * one test; there only its body runs. A killed test takes the whole lab with it, as the kernel ties them together.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "../e2e/harness/program.ts";
import { createLab, type HostSpec, type Lab } from "./lab.ts";
import { labCommand, labPath, missingLab } from "./namespaces.ts";

const nameVariable = "HOLDFAST_LAB_TEST";
const directoryVariable = "HOLDFAST_LAB_DIRECTORY";
const directoryPrefix = "hf-lab-";

export interface LabTestOptions {
  /** The test file itself: `import.meta.filename`. */
  readonly file: string;
  readonly hosts: readonly HostSpec[];
  /** Programs that the test needs besides the lab's own; without them it skips. */
  readonly programs?: readonly string[];
  /** A further reason to skip, asked outside of the lab. */
  readonly missing?: () => string | undefined;
  /** The body's time; default: 60 s. */
  readonly forMsMax?: number;
}

/** Outside: a test of node:test that skips where no lab can be made. Inside: runs the body when it is its turn. */
export function labTest(
  name: string,
  options: LabTestOptions,
  body: (lab: Lab) => Promise<void>,
): void {
  const chosen = process.env[nameVariable];
  if (chosen === undefined) {
    registerOutside(name, options);
  } else if (chosen === name) {
    // The process ends by itself when nothing is left to do; its exit code says how it went.
    void runInside(options, body);
  }
}

function registerOutside(name: string, options: LabTestOptions): void {
  const forMsMax = options.forMsMax ?? 60_000;
  test(name, { timeout: forMsMax + 20_000 }, async (t) => {
    const missing = missingLab(options.programs) ?? options.missing?.();
    if (missing !== undefined) return t.skip(missing);
    removeDeadLabs();
    const directory = mkdtempSync(join(tmpdir(), `${directoryPrefix}${process.pid}-`));
    try {
      const command = labCommand([process.execPath, ...process.execArgv, options.file]);
      const environment = {
        [nameVariable]: name,
        [directoryVariable]: directory,
        PATH: labPath,
        NODE_TEST_CONTEXT: undefined,
      };
      const outcome = await run(command, { environment, forMsMax });
      for (const line of outcome.stdout.split("\n")) if (line !== "") t.diagnostic(line);
      const end = outcome.exitCode === null ? `not done after ${forMsMax} ms` : "it failed";
      assert.equal(outcome.exitCode, 0, `${end}\n${outcome.stdout}\n${outcome.stderr}`);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}

async function runInside(
  options: LabTestOptions,
  body: (lab: Lab) => Promise<void>,
): Promise<void> {
  const directory = process.env[directoryVariable];
  assert(directory !== undefined, "a lab has a directory");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lab = await createLab({ hosts: options.hosts, directory });
  try {
    await body(lab);
  } catch (error: unknown) {
    process.exitCode = 1;
    console.error(error instanceof Error ? error.stack : String(error));
    for (const tail of lab.logTails()) console.error(tail);
  }
  await lab.end();
  // A connection that the body left open must not keep the lab alive: what it left behind dies here.
  process.exit();
}

/** Folders of runs that were killed before they could remove them. Their processes are gone with them. */
function removeDeadLabs(): void {
  for (const name of readdirSync(tmpdir())) {
    const [, owner] = /^hf-lab-(\d+)-/.exec(name) ?? [];
    if (owner === undefined || isTestProcess(owner)) continue;
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {
      // Harmless: it belongs to another user, whose next run removes it.
    }
  }
}

/** A number may have been given to another program since: only one of Node.js can own a lab. */
function isTestProcess(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("node");
  } catch {
    return false; // nobody has this number
  }
}
