/** `sim fuzz` as a person calls it, and what it makes of its workers' answers. */
import { strict as assert } from "node:assert";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { FuzzTally } from "../../src/cli/fuzz/tally.ts";
import { start } from "./program.ts";

test("sim fuzz plays every seed once on its workers and ends with 0 when every rule was kept", async () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-fuzz-"));
  try {
    const flags = ["--seeds", "1..10", "--nodes", "3", "--services", "4", "--minutes", "2"];
    const ended = await start(["sim", "fuzz", ...flags, "--jobs", "2", "--out", folder]).ended;
    assert.equal(ended.code, 0, ended.err);
    assert.match(
      ended.out,
      /^10 seeds, \d+ events, .* times real time\), .*: every rule was kept$/m,
    );
    assert.deepEqual(readdirSync(folder), []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("sim fuzz prints figures as data", async () => {
  const ended = await start(["-o", "json", "sim", "fuzz", "--seeds", "5", "--minutes", "1"]).ended;
  assert.equal(ended.code, 0, ended.err);
  const figures: unknown = JSON.parse(ended.out);
  assert.partialDeepStrictEqual(figures, { seedCount: 1, violationCount: 0 });
});

for (const seeds of ["9..1", "a", "1..", "-3..4", "1.5"]) {
  test(`sim fuzz refuses --seeds ${seeds}`, async () => {
    const ended = await start(["sim", "fuzz", `--seeds=${seeds}`]).ended;
    assert.equal(ended.code, 2);
    assert.match(ended.err, /write 1\.\.1000, or one number/);
  });
}

test("FuzzTally hands out each seed once, and has violations made small before they are told", () => {
  const tally = new FuzzTally({ from: 1, to: 6 }, {});
  const first = tally.nextTask();
  const second = tally.nextTask();
  assert.deepEqual(first, { kind: "play", from: 1, to: 4, plan: {} });
  assert.deepEqual(second, { kind: "play", from: 5, to: 6, plan: {} });
  const violation = { atMs: 1_000, rule: "S1", sentence: "two" } as const;
  const played = { kind: "played", seedCount: 4, simulatedMs: 1, eventCount: 1 } as const;
  const told = tally.take({ ...played, findings: [{ seed: 3, violation }] }, () => "");
  assert.deepEqual(told, []);
  assert.deepEqual(tally.nextTask(), { kind: "shrink", seed: 3, plan: {} });
  const written: string[] = [];
  const shrunken = { kind: "shrunken", seed: 3, violation, scenario: "nodes: 1" } as const;
  const found = tally.take(shrunken, (seed, scenario) => {
    written.push(`${seed}: ${scenario}`);
    return "seed-3.yaml";
  });
  assert.deepEqual(found, [{ seed: 3, violation, scenario: "seed-3.yaml" }]);
  assert.deepEqual(written, ["3: nodes: 1"]);
  assert.equal(tally.nextTask(), undefined);
});

test("FuzzTally stops when the simulator itself fails", () => {
  const tally = new FuzzTally({ from: 1, to: Number.POSITIVE_INFINITY }, {});
  tally.take({ kind: "failed", why: "seed 7: broken" }, () => "");
  assert.equal(tally.nextTask(), undefined);
  assert.equal(tally.failure, "seed 7: broken");
});
