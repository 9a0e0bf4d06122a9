/** What a server and its launcher say to each other about a long start, and about a version that was given up. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { progressPath, statePath, versionsFolder } from "../../src/launcher/places.ts";
import { fileText, parseProgress, type TrialPhase } from "../../src/launcher/state.ts";
import type { Log } from "../../src/ports/log.ts";
import { createTrialProgress, isOnTrial, wasGivenUp } from "../../src/setup/upgrade/trial.ts";

const id = "6f1e/1/switch/1";
const trial = { id, from: "", to: "0.2.0", attempts: 1, healthyWithinMs: 120_000, detail: "" };

/** A data directory whose launcher has come so far. */
function directoryIn(t: TestContext, phase: TrialPhase): string {
  const directory = mkdtempSync(join(tmpdir(), "hf-trial-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(versionsFolder(directory));
  const state = { installed: "0.1.0", running: "0.2.0", trial: { ...trial, phase } };
  writeFileSync(statePath(directory), fileText(state));
  return directory;
}

const warnings: string[] = [];
const log: Log = { write: (_level, line) => void warnings.push(line), with: () => log };

function progressOf(dataDirectory: string, version = "0.2.0") {
  let nowMs = 1_000;
  const clock = { monotonicMs: () => nowMs, wallMs: () => 0, after: () => () => undefined };
  const onProgress = createTrialProgress({
    ...{ dataDirectory, version, clock, log },
    launcher: () => "alive",
  });
  return {
    at: (ms: number) => {
      nowMs = ms;
      onProgress();
    },
    word: () => {
      try {
        return parseProgress(readFileSync(progressPath(dataDirectory), "utf8"));
      } catch {
        return undefined; // nothing was said
      }
    },
  };
}

test("on trial is who was put in another one's place by a launcher, until that has decided", (t) => {
  const isTried = (phase: TrialPhase, version: string, launcher: "alive" | "none") =>
    isOnTrial({ dataDirectory: directoryIn(t, phase), version, launcher: () => launcher });
  assert.equal(isTried("trying", "0.2.0", "alive"), true);
  assert.equal(isTried("trying", "0.1.0", "alive"), false);
  assert.equal(isTried("trying", "0.2.0", "none"), false);
  assert.equal(isTried("good", "0.2.0", "alive"), false);
  assert.equal(isTried("rolled-back", "0.2.0", "alive"), false);
});

test("a version on trial tells its launcher with each part that it goes on, once a second at most", (t) => {
  const { at, word } = progressOf(directoryIn(t, "trying"));
  assert.equal(word(), undefined);
  const counts = [1_000, 1_001, 1_999, 2_000, 9_000].map((ms) => {
    at(ms);
    return word()?.count;
  });
  assert.deepEqual(counts, [1, 1, 1, 2, 3]);
  assert.deepEqual(word(), { id, pid: process.pid, count: 3 });
});

test("who is not on trial tells nobody anything", (t) => {
  for (const phase of ["good", "rolled-back"] as const) {
    const { at, word } = progressOf(directoryIn(t, phase));
    at(5_000);
    assert.equal(word(), undefined, phase);
  }
  const other = progressOf(directoryIn(t, "trying"), "0.1.0");
  other.at(5_000);
  assert.equal(other.word(), undefined);
});

test("a word of progress that cannot be written is a warning, and the work goes on", (t) => {
  const directory = directoryIn(t, "trying");
  const { at } = progressOf(directory);
  rmSync(versionsFolder(directory), { recursive: true });
  at(5_000);
  assert.match(warnings.join(), /cannot say that it goes on: /);
});

test("wasGivenUp() is about this upgrade's new version, and about one that was rolled back", (t) => {
  const directory = directoryIn(t, "rolled-back");
  assert.equal(wasGivenUp(directory, { id: "6f1e", to: { version: "0.2.0" } }), true);
  assert.equal(wasGivenUp(directory, { id: "6f1", to: { version: "0.2.0" } }), false);
  assert.equal(wasGivenUp(directory, { id: "6f1e", to: { version: "0.3.0" } }), false);
  for (const phase of ["trying", "good"] as const) {
    const other = directoryIn(t, phase);
    assert.equal(wasGivenUp(other, { id: "6f1e", to: { version: "0.2.0" } }), false, phase);
  }
  rmSync(statePath(directory));
  assert.equal(wasGivenUp(directory, { id: "6f1e", to: { version: "0.2.0" } }), false);
});
