/**
 * Holds the simulator against recordings of an established manager: all scenarios are played in this process, then the
 * comparison reads what was told. Scenarios that docs/differences.md names may differ, and no others.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { parseScenario } from "../../../src/sim/scenario/parse-scenario.ts";
import { PlanPlay } from "../../../src/sim/story/play-plan.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const conformance = join(root, "..", "shared", "conformance");
const scenarios = join(conformance, "scenarios");
const skip = existsSync(scenarios) ? false : `the recordings are not there: ${scenarios}`;
/** More than these would be another manager. */
const differencesMax = 3;

/** Scenarios about which the documentation says what Holdfast does instead, and why. */
function namedDifferences(): readonly string[] {
  const text = readFileSync(join(root, "docs", "differences.md"), "utf8");
  return [...text.matchAll(/^## .*?`([^`]+)`/gm)].map((match) => match[1] ?? "");
}

/** The trace of one scenario as text. */
function traceOf(path: string): string {
  const plan = parseScenario(readFileSync(path, "utf8"), path);
  assert.ok(plan.ok, plan.ok ? "" : plan.error.join("\n"));
  const lines: string[] = [];
  const play = new PlanPlay({
    plan: plan.value,
    onTrace: (line) => lines.push(JSON.stringify(line)),
  });
  while (!play.isOver) play.advance(plan.value.endAtMs);
  const { violations } = play.end();
  assert.deepEqual(violations, [], `${plan.value.name} keeps all safety rules`);
  return lines.join("\n");
}

it("the simulator agrees with every recorded scenario but those in docs/differences.md", {
  skip,
}, (t) => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-conformance-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of readdirSync(scenarios)) {
    writeFileSync(join(folder, name), traceOf(join(scenarios, name)));
  }
  const compared = spawnSync(
    process.execPath,
    [
      join(conformance, "compare.mjs"),
      "--sim",
      `f() { cat "${folder}/$(basename "$1")"; }; f`,
      scenarios,
    ],
    { encoding: "utf8", timeout: 60_000 },
  );
  const differing = [...compared.stdout.matchAll(/^differs (\S+):/gm)].map((match) => match[1]);
  const allowed = namedDifferences();
  t.diagnostic(compared.stdout.trim().split("\n").at(-1) ?? "");
  assert.match(compared.stdout, /^agree \d+ of \d+$/m, compared.stderr);
  assert.deepEqual(
    differing.filter((name) => !allowed.includes(name ?? "")),
    [],
    compared.stdout,
  );
  assert.deepEqual(
    allowed.filter((name) => !differing.includes(name)),
    [],
    "what the documentation calls a difference is one",
  );
  assert.ok(allowed.length <= differencesMax);
});
