/** The checker that all other tests rely on: it must find overlaps that were planted. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  lineOf,
  livesOf,
  overlapsOf,
  parseRunRecords,
  type RunRecord,
  readRunRecords,
} from "../../src/demo/run-records.ts";
import { waitFor } from "./harness/wait.ts";

function life(service: string, copy: string, fromMs: number, toMs: number): RunRecord[] {
  const record = (kind: RunRecord["kind"], atMs: number): RunRecord => {
    return { kind, atNs: BigInt(atMs * 1_000_000), service, copy, node: `n-${copy}`, pid: 2 };
  };
  return [record("begin", fromMs), record("beat", (fromMs + toMs) / 2), record("beat", toMs)];
}

const cases: readonly [string, readonly RunRecord[], readonly (readonly [string, number])[]][] = [
  ["one copy", life("a", "1", 0, 100), []],
  ["one after the other", [...life("a", "1", 0, 100), ...life("a", "2", 101, 200)], []],
  ["other services at once", [...life("a", "1", 0, 100), ...life("b", "2", 0, 100)], []],
  ["an overlap", [...life("a", "1", 0, 100), ...life("a", "2", 60, 200)], [["a", 40]]],
  ["one within the other", [...life("a", "1", 0, 100), ...life("a", "2", 20, 30)], [["a", 10]]],
  [
    "a begin at the last beat",
    [...life("a", "1", 0, 100), ...life("a", "2", 100, 200)],
    [["a", 0]],
  ],
  [
    "a copy that wakes up later, written in another order",
    [...life("a", "2", 50, 80), ...life("a", "1", 0, 40), ...life("a", "1", 70, 90)],
    [["a", 30]],
  ],
  [
    "an old copy that outlives two others",
    [...life("a", "1", 0, 500), ...life("a", "2", 10, 20), ...life("a", "3", 400, 450)],
    [
      ["a", 10],
      ["a", 50],
    ],
  ],
];

for (const [name, records, expected] of cases) {
  test(`overlapsOf() judges ${name}`, () => {
    const read = parseRunRecords(records.map(lineOf).join(""));
    const found = overlapsOf(read).map(({ service, overlapMs }) => [service, overlapMs]);
    assert.deepEqual(found, expected);
  });
}

test("parseRunRecords() leaves out a last line without end, and refuses a broken one", () => {
  const whole = life("a", "1", 0, 100).map(lineOf).join("");
  assert.equal(parseRunRecords(`${whole}beat 12`).length, 3);
  assert.throws(() => parseRunRecords(`${whole}beat 12\n`), /not a run record/);
});

test("keepRunRecords() shows that two real processes ran at once", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "hf-records-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "records");
  const start = () =>
    spawn(process.execPath, [join(import.meta.dirname, "probe.ts")], {
      env: { RUN_RECORDS: path, HOLDFAST_SERVICE: "process:a", HOLDFAST_NODE: "n" },
      stdio: "ignore",
    });
  const copies = [start(), start()];
  await waitFor("both copies to beat", 10_000, () => {
    try {
      const lives = livesOf(readRunRecords(path));
      return lives.length === 2 && lives.every(({ beganNs, lastNs }) => lastNs > beganNs);
    } catch {
      return false; // the file is not there yet
    }
  });
  for (const copy of copies) copy.kill("SIGKILL");
  await Promise.all(copies.map((copy) => once(copy, "exit")));
  assert.equal(overlapsOf(readRunRecords(path)).length, 1);
});
