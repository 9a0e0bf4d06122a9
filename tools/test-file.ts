/**
 * Runs one test file in a process group of its own and says what became of each test. A file that crashes,
 * hangs beyond its time, or holds no test counts as a failure of its own.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestLine } from "./test-child.ts";

export interface FileOutcome {
  /** The file's path below the checkout. */
  readonly file: string;
  readonly tests: readonly TestLine[];
  readonly durationMs: number;
  /** The end of what the file wrote to stdout and stderr: seeds, for one. */
  readonly output: string;
}

export interface TestFileOptions {
  readonly root: string;
  /** The file's whole process group is killed after so long. */
  readonly timeoutMs: number;
  /** Ports that no file has which runs at the same time, as FIRST-LAST. */
  readonly ports: string;
}

/** How much of a file's output is kept to be shown when it fails. */
const outputCharactersMax = 20_000;

/** Runs `file` (a path below `options.root`); never rejects for what a test did. */
export async function runTestFile(file: string, options: TestFileOptions): Promise<FileOutcome> {
  const startedAtMs = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "holdfast-test-report-"));
  try {
    const linesFile = join(folder, "lines");
    const end = await runProcess(file, linesFile, options);
    const tests = [...readLines(linesFile)];
    const fault = faultOfEnd(end, tests, options.timeoutMs);
    if (fault !== undefined) {
      tests.push({ name: `(${file})`, result: "failed", durationMs: 0, detail: fault });
    }
    return { file, tests, durationMs: performance.now() - startedAtMs, output: end.output };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
  readonly timing: "in time" | "too late";
  readonly output: string;
}

/** As in bin/holdfast: a process that ends while V8 compiles beside it may hang. What a test starts gets them from it. */
const nodeFlags = ["--no-concurrent-recompilation", "--no-concurrent-sparkplug"];

function runProcess(
  file: string,
  linesFile: string,
  options: TestFileOptions,
): Promise<ProcessEnd> {
  const child = spawn(
    process.execPath,
    [...nodeFlags, join(import.meta.dirname, "test-child.ts"), file, linesFile],
    {
      cwd: options.root,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: testEnvironment(options.ports),
    },
  );
  return new Promise((resolve, reject) => {
    let output = "";
    let timing: ProcessEnd["timing"] = "in time";
    const keep = (chunk: string): void => {
      output = (output + chunk).slice(-outputCharactersMax);
    };
    child.stdout.setEncoding("utf8").on("data", keep);
    child.stderr.setEncoding("utf8").on("data", keep);
    const timer = setTimeout(() => {
      timing = "too late";
      killGroup(child.pid);
    }, options.timeoutMs);
    child.once("error", reject);
    // `exit`, not `close`: a process that the file left behind may hold the pipes open for ever.
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      setImmediate(() => {
        child.stdout.destroy();
        child.stderr.destroy();
        killGroup(child.pid);
        resolve({ code, signal, timing, output });
      });
    });
  });
}

/** Without the variable by which Node tells a file that another test runner started it. */
function testEnvironment(ports: string): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  return { ...environment, HOLDFAST_TEST_PORTS: ports };
}

/** Also what the file started and left behind, as far as it stayed in the group. */
function killGroup(groupId: number | undefined): void {
  if (groupId === undefined) return;
  try {
    process.kill(-groupId, "SIGKILL");
  } catch {
    // Harmless: nothing of the group is left, which is what is wanted.
  }
}

function readLines(path: string): readonly TestLine[] {
  const text = readText(path);
  // The last line may be cut off when the process was killed.
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return whole
    .split("\n")
    .filter((line) => line !== "")
    .map(parseLine);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it ended before the first report; the caller says so
  }
}

function parseLine(line: string): TestLine {
  return JSON.parse(line) as TestLine; // written by test-child.ts in this run
}

/** Why the file failed although its tests may not have, or undefined. */
function faultOfEnd(
  end: ProcessEnd,
  tests: readonly TestLine[],
  timeoutMs: number,
): string | undefined {
  if (end.timing === "too late") {
    return `it had not ended after ${timeoutMs / 1_000} s and was killed; a test hangs, or something that a test opened was not closed`;
  }
  if (end.signal !== null) return `it was ended by ${end.signal}`;
  if (end.code !== 0 && !tests.some((test) => test.result === "failed")) {
    return `it ended with exit code ${end.code} although no test had failed`;
  }
  if (tests.length === 0) return "it holds no test";
  return undefined;
}
