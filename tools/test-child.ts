/**
 * The process in which one test file runs (`node test-child.ts FILE LINES`): appends a line of JSON to LINES for
 * each test that ends. They are written at once, so that a crash loses none that had ended before.
 */
import { appendFileSync } from "node:fs";
import { resolve } from "node:path";
import type { EventData } from "node:test";
import { run } from "node:test";
import { inspect } from "node:util";

/** One test that ended; suites are not counted. */
export interface TestLine {
  readonly name: string;
  readonly result: "passed" | "failed" | "skipped";
  readonly durationMs: number;
  /** Of a failure: the error with its stack; of a skip: the reason. */
  readonly detail: string;
}

type EndedTest = EventData.TestPass | EventData.TestFail;

const detailLengthMax = 30_000;
/** Node's own counts at the end of a run, which tools/test.ts makes itself. */
const countPattern = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

function runFile(file: string, linesFile: string): void {
  const path = resolve(file);
  const report = (ended: "passed" | "failed", test: EndedTest): void => {
    // A file without any test is reported as one that passed, by the name of the file.
    if (ended === "passed" && test.name === path) return;
    const line = lineOf(ended, test);
    if (line !== undefined) appendFileSync(linesFile, `${JSON.stringify(line)}\n`);
  };
  run({ files: [path], isolation: "none" })
    .on("test:pass", (test) => report("passed", test))
    .on("test:fail", (test) => {
      report("failed", test);
      process.exitCode = 1;
    })
    .on("test:diagnostic", ({ message }) => {
      if (!countPattern.test(message)) process.stdout.write(`${message}\n`);
    })
    .resume();
}

function lineOf(ended: "passed" | "failed", test: EndedTest): TestLine | undefined {
  const error = "error" in test.details ? test.details.error : undefined;
  // A suite fails with its tests, which are counted; only a failing hook makes it fail by itself.
  if (test.details.type === "suite" && (error === undefined || failsBySubtests(error))) {
    return undefined;
  }
  const isSkipped = test.skip !== undefined && test.skip !== false;
  const detail = isSkipped ? skipReason(test.skip) : failureDetail(error);
  const result = isSkipped ? "skipped" : ended;
  return { name: test.name, result, durationMs: test.details.duration_ms, detail };
}

function failsBySubtests(error: Error): boolean {
  return Reflect.get(error, "failureType") === "subtestsFailed";
}

function skipReason(skip: string | boolean | undefined): string {
  return typeof skip === "string" ? skip : "";
}

function failureDetail(error: Error | undefined): string {
  if (error === undefined) return "";
  const lines = inspect(error.cause ?? error, { depth: 4 }).split("\n");
  // Node's own frames say nothing about the test.
  return lines
    .filter((line) => !/^\s+at .*\bnode:internal\//.test(line))
    .join("\n")
    .slice(0, detailLengthMax);
}

if (import.meta.main) {
  const [file, linesFile] = process.argv.slice(2);
  if (file === undefined || linesFile === undefined) throw new Error("usage: FILE LINES");
  runFile(file, linesFile);
}
