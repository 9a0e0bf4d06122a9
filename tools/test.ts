/**
 * `npm test`: the checks, then every test file, end-to-end ones last. The last line is always
 * `N passed, N failed`. `npm test -- PATTERN...` runs only files whose path contains a pattern, `--no-checks`
 * leaves the checks out.
 */
import { globSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { styleText } from "node:util";
import { buildAll } from "./build.ts";
import { type CheckOutcome, runChecks } from "./checks.ts";
import { ensureDebianPackages } from "./debian-packages.ts";
import type { TestLine } from "./test-child.ts";
import { type FileOutcome, runTestFile } from "./test-file.ts";

const root = join(import.meta.dirname, "..");
const fileTimeoutMs = 300_000;
const endToEndTimeoutMs = 600_000;
const filesAtOnce = 2;
const portsOfLane = 6_000;
/** Begun first, so that nothing has to wait for them alone at the end. */
const longFiles = ["test/stores/sqlite-crash.test.ts"];
/** They wait for times to be over rather than work, or fill the machine: they run one after the other beside the others. */
const waitingFiles = [
  "test/backup/restored-cluster.test.ts",
  "test/hooks/floating-address.test.ts",
  "test/server/bundles/server-loss.test.ts",
  "test/server/members/purge.test.ts",
  "test/server/members/removal.test.ts",
  "test/server-upgrade/apply.test.ts",
  "test/server-upgrade/every-step.test.ts",
  "test/server-upgrade/kills.test.ts",
  "test/server-upgrade/rolling-schema.test.ts",
  "test/server-upgrade/stop-all.test.ts",
];

/**
 * End-to-end files whose bounds are many seconds wide, or that count what happened rather than how soon: two of them run at
 * a time, in this order. They wait for most of their time, so that the machine has enough for both.
 */
const pairedFiles = [
  "rollout-losses",
  "etcd-faults",
  "control-plane-power",
  "rollout-versions",
  "control-plane-cut",
  "rollout-servers",
  "control-plane-paused",
  "exec-moves",
  "control-plane-upgrade",
  "control-plane-joins",
  "control-plane-disk",
  "rollout-agents",
  "control-plane-address",
  "rollout-membership",
  "control-plane-quorum",
  "node-modes",
  "package",
  "commands",
  "rollout-groups",
  "bad-input",
  "freeze",
].map((name) => `test/e2e/${name}.test.ts`);

interface Tally {
  passedCount: number;
  failedCount: number;
  readonly skipped: string[];
  /** Names of what failed, to be said once more at the end. */
  readonly failed: string[];
}

async function main(): Promise<void> {
  const tally: Tally = { passedCount: 0, failedCount: 0, skipped: [], failed: [] };
  const cache = shareCompiled();
  const patterns = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
  try {
    for (const sentence of ensureDebianPackages()) say(sentence);
    if (!process.argv.includes("--no-checks")) {
      await runChecks(root, (outcome) => countCheck(tally, outcome));
    }
    // Tests start the built program: it has to be that of these sources.
    await buildAll({ root });
    await runFiles(testFiles(patterns), tally);
  } catch (error: unknown) {
    say(`the test run itself failed: ${error instanceof Error ? error.stack : String(error)}`);
    countFailure(tally, "the test run itself");
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
  finish(tally);
}

/** The tests start thousands of processes: what one has compiled the next need not. */
function shareCompiled(): string {
  const cache = mkdtempSync(join(tmpdir(), "holdfast-test-compiled-"));
  process.env["NODE_COMPILE_CACHE"] = cache;
  return cache;
}

function testFiles(patterns: readonly string[]): readonly string[] {
  const sorted = globSync("test/**/*.test.ts", { cwd: root }).sort();
  const isLong = (file: string): boolean => longFiles.includes(file);
  const files = [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  if (patterns.length === 0) return files;
  return files.filter((file) => patterns.some((pattern) => file.includes(pattern)));
}

/** End-to-end files come last; those that kill processes by the clock get the machine for themselves. */
async function runFiles(files: readonly string[], tally: Tally): Promise<void> {
  const isEndToEnd = (file: string): boolean => file.startsWith("test/e2e/");
  const isWaiting = (file: string): boolean => waitingFiles.includes(file);
  const beside = files.filter(isWaiting);
  const others = files.filter((file) => !isEndToEnd(file) && !isWaiting(file));
  const paired = pairedFiles.filter((file) => files.includes(file));
  const alone = files.filter((file) => isEndToEnd(file) && !paired.includes(file));
  const work = async (left: string[], lane: number, timeoutMs: number): Promise<void> => {
    const ports = portsOf(lane);
    for (let file = left.shift(); file !== undefined; file = left.shift()) {
      countFile(tally, await runTestFile(file, { root, timeoutMs, ports }));
    }
  };
  const lanes = Array.from({ length: filesAtOnce }, (_, lane) => work(others, lane, fileTimeoutMs));
  await Promise.all([...lanes, work(beside, filesAtOnce, fileTimeoutMs)]);
  await Promise.all([0, 1].map((lane) => work(paired, lane, endToEndTimeoutMs)));
  await work(alone, 0, endToEndTimeoutMs);
}

/** Below those that the kernel gives to outgoing connections. */
function portsOf(lane: number): string {
  const first = 12_000 + lane * portsOfLane;
  return `${first}-${first + portsOfLane - 1}`;
}

function countCheck(tally: Tally, outcome: CheckOutcome): void {
  const isOk = outcome.problems.length === 0;
  sayResult(isOk ? "passed" : "failed", `check: ${outcome.name}`, outcome.durationMs);
  if (isOk) {
    tally.passedCount += 1;
    return;
  }
  countFailure(tally, `check: ${outcome.name}`);
  for (const problem of outcome.problems) say(indent(problem));
}

function countFile(tally: Tally, outcome: FileOutcome): void {
  const failures = outcome.tests.filter((test) => test.result === "failed");
  const passedCount = outcome.tests.filter((test) => test.result === "passed").length;
  tally.passedCount += passedCount;
  const skips = outcome.tests.filter((test) => test.result === "skipped");
  for (const test of skips) tally.skipped.push(skipLine(outcome, test));
  const figures = `${outcome.file}: ${passedCount} passed${skips.length > 0 ? `, ${skips.length} skipped` : ""}${failures.length > 0 ? `, ${failures.length} failed` : ""}`;
  sayResult(failures.length === 0 ? "passed" : "failed", figures, outcome.durationMs);
  for (const test of failures) {
    countFailure(tally, `${outcome.file}: ${test.name}`);
    say(indent(`${styleText("red", "✖")} ${test.name}\n${indent(test.detail)}`));
  }
  if (failures.length > 0 && outcome.output.trim() !== "") {
    say(indent(`output of ${outcome.file}:\n${indent(outcome.output.trim())}`));
  }
}

function skipLine(outcome: FileOutcome, test: TestLine): string {
  return `${outcome.file}: ${test.name}: ${test.detail === "" ? "no reason given" : test.detail}`;
}

function countFailure(tally: Tally, name: string): void {
  tally.failedCount += 1;
  tally.failed.push(name);
}

function finish(tally: Tally): void {
  if (tally.passedCount + tally.failedCount === 0) countFailure(tally, "no test ran");
  if (tally.failed.length > 0) say(`\nfailed:\n${indent(tally.failed.join("\n"))}`);
  if (tally.skipped.length > 0) {
    say(`\nskipped (${tally.skipped.length}):\n${indent(tally.skipped.join("\n"))}`);
  }
  const summary = `${tally.passedCount} passed, ${tally.failedCount} failed`;
  const summaryFile = process.env["HOLDFAST_TEST_SUMMARY_FILE"];
  if (summaryFile !== undefined) writeFileSync(summaryFile, `${summary}\n`);
  say(summary);
  process.exitCode = tally.failedCount === 0 ? 0 : 1;
}

function sayResult(result: "passed" | "failed", text: string, durationMs: number): void {
  const mark = result === "passed" ? styleText("green", "✔") : styleText("red", "✖");
  say(`${mark} ${text} (${(durationMs / 1_000).toFixed(1)} s)`);
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "    ");
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

await main();
