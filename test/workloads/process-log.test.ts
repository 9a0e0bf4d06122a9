/** The output of services: rotation within limits, the last lines, and following across rotations. */
import assert from "node:assert/strict";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  createLogFiles,
  type LogFiles,
} from "../../src/adapters/workloads/process/logs/log-files.ts";
import { readLog } from "../../src/adapters/workloads/process/logs/read-log.ts";
import { rotateLog } from "../../src/adapters/workloads/process/logs/rotate-log.ts";
import { driverPaths } from "../../src/adapters/workloads/process/paths.ts";
import type { LogRequest } from "../../src/ports/workload.ts";
import {
  clock,
  createBench,
  serviceId,
  shell,
  silentLog,
  temporaryDirectory,
  waitFor,
} from "./support.ts";

const service = serviceId("process:probe");

interface LogBench {
  readonly directory: string;
  readonly files: LogFiles;
  readonly current: string;
}

function createLogBench(t: TestContext): LogBench {
  const paths = driverPaths(temporaryDirectory(t));
  const files = createLogFiles({ paths, clock, log: silentLog, checkEveryMs: 50 });
  t.after(() => files.close());
  const directory = files.directoryOf(service);
  return { directory, files, current: join(directory, "current.log") };
}

function request(linesMax: number, follow: "follow" | "once", signal?: AbortSignal): LogRequest {
  const never = new AbortController().signal;
  return { linesMax, follow: follow === "follow", signal: signal ?? never };
}

async function readOnce(files: LogFiles, linesMax: number): Promise<string> {
  const chunks: string[] = [];
  for await (const chunk of readLog(files, clock, service, request(linesMax, "once"))) {
    chunks.push(chunk);
  }
  return chunks.join("");
}

test("readLog() gives the last lines, also of a log without any", async (t) => {
  const { files, current } = createLogBench(t);
  assert.equal(await readOnce(files, 10), "");
  writeFileSync(current, "one\ntwo\nthree\n");
  assert.equal(await readOnce(files, 2), "two\nthree\n");
  assert.equal(await readOnce(files, 3), "one\ntwo\nthree\n");
  assert.equal(await readOnce(files, 100), "one\ntwo\nthree\n");
  assert.equal(await readOnce(files, 0), "");
});

test("readLog() counts an unfinished last line as one", async (t) => {
  const { files, current } = createLogBench(t);
  writeFileSync(current, "one\ntwo\nthr");
  assert.equal(await readOnce(files, 1), "thr");
  assert.equal(await readOnce(files, 2), "two\nthr");
});

test("readLog() goes back into rotated files", async (t) => {
  const { files, current, directory } = createLogBench(t);
  writeFileSync(join(directory, "current.log.2"), "1\n2\n3\n");
  writeFileSync(join(directory, "current.log.1"), "4\n5\n");
  writeFileSync(current, "6\n");
  assert.equal(await readOnce(files, 4), "3\n4\n5\n6\n");
  assert.equal(await readOnce(files, 99), "1\n2\n3\n4\n5\n6\n");
});

test("readLog() finds lines that are longer than what it reads at once, and whole characters", async (t) => {
  const { files, current } = createLogBench(t);
  const long = "ä€".repeat(60_000);
  writeFileSync(current, `first\n${long}\nlast\n`);
  assert.equal(await readOnce(files, 2), `${long}\nlast\n`);
});

test("rotateLog() keeps the newest files and no more than are allowed", async (t) => {
  const { current, directory } = createLogBench(t);
  for (const text of ["a", "b", "c", "d"]) {
    writeFileSync(current, text);
    await rotateLog(directory, 2);
  }
  assert.equal(statSync(current).size, 0);
  assert.equal(readFileSync(`${current}.1`, "utf8"), "d");
  assert.equal(readFileSync(`${current}.2`, "utf8"), "c");
  assert.equal(existsSync(`${current}.3`), false);
  await rotateLog(directory, 0);
  assert.equal(existsSync(`${current}.1`), false);
});

test("readLog() follows without loss or repetition across rotations", async (t) => {
  const { files, current } = createLogBench(t);
  files.keepWithin(service, { bytesMax: 4_096, filesMax: 50 });
  const end = new AbortController();
  t.after(() => end.abort());
  writeFileSync(current, "");
  let seen = "";
  const reading = (async () => {
    const follow = request(0, "follow", end.signal);
    for await (const chunk of readLog(files, clock, service, follow)) seen += chunk;
  })();
  let written = "";
  const write = (): void => {
    const line = `line ${written.length} ${"x".repeat(100)}\n`;
    appendFileSync(current, line);
    written += line;
  };
  await waitFor("the reader to begin", () => {
    write();
    return seen.length > 0;
  });
  // What was there before the reader began is not its matter.
  const missed = written.length - written.slice(written.indexOf(seen)).length;
  await waitFor("three rotations", () => {
    write();
    return files.rotations(service) >= 3;
  });
  await waitFor("all of it", () => missed + seen.length >= written.length);
  assert.equal(seen, written.slice(missed));
  end.abort();
  await reading;
});

test("readLog() ends when its signal aborts", async (t) => {
  const { files, current } = createLogBench(t);
  writeFileSync(current, "one\n");
  const end = new AbortController();
  const seen: string[] = [];
  for await (const chunk of readLog(files, clock, service, request(5, "follow", end.signal))) {
    seen.push(chunk);
    end.abort();
  }
  assert.deepEqual(seen, ["one\n"]);
});

test("a running service's output is rotated within its limits, and it goes on writing", async (t) => {
  const bench = createBench(t, "tracked");
  const line = "a line of some sixty characters, so that files grow quickly...";
  const log = { bytesMax: 4_096, filesMax: 2 };
  await bench.run(shell(`while :; do echo '${line}'; sleep 0.005; done`, { log }));
  const current = join(bench.directory, "logs", "process-probe", "current.log");
  await waitFor("two rotations", () => existsSync(`${current}.2`), 30_000);
  const sizeBytes = statSync(current).size;
  await waitFor("more output", () => statSync(current).size !== sizeBytes);
  assert.ok(statSync(`${current}.1`).size > log.bytesMax);
  assert.match(readFileSync(`${current}.1`, "utf8"), /^a line of/);
  assert.equal(statSync(`${current}.1`).mode & 0o777, 0o600);
});

test("createLogFiles() rotates each service by its own limits and leaves those that run no more", async (t) => {
  const { files, current } = createLogBench(t);
  const other = serviceId("process:other");
  const otherCurrent = join(files.directoryOf(other), "current.log");
  mkdirSync(files.directoryOf(other), { recursive: true });
  for (const path of [current, otherCurrent]) writeFileSync(path, "x".repeat(5_000));
  files.keepWithin(other, { bytesMax: 4_096, filesMax: 1 });
  files.leave(other);
  files.keepWithin(service, { bytesMax: 4_096, filesMax: 1 });
  await waitFor("the rotation", () => files.rotations(service) === 1);
  assert.equal(files.rotations(other), 0);
  assert.equal(statSync(otherCurrent).size, 5_000);
});
