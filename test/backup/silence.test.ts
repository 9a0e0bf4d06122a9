/** How long a restore waits where an upgrade may have told the agents of the old life that nobody would answer them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { ControlPlaneUpgrade } from "../../src/core/upgrade/model.ts";
import { newUpgrade } from "../../src/core/upgrade/plan.ts";
import type { JsonValue } from "../../src/ports/store.ts";
import { jsonOf } from "../../src/runtime/manager-records.ts";
import { restoreBackup } from "../../src/setup/restore/restore-backup.ts";
import { keys } from "../../src/wire/records.ts";
import { temporaryDirectory } from "../server/harness.ts";
import { type BackedUp, backUp, restoreOptions } from "./support/restoring.ts";

/** An upgrade of two servers. */
function upgradeOf(
  strategy: ControlPlaneUpgrade["strategy"],
  state: ControlPlaneUpgrade["state"],
): JsonValue {
  const order = {
    ...{ id: "u1", by: "admin", strategy, from: "0.1.0", to: { version: "0.2.0" } },
    ...{ schema: { from: 1, to: 2 }, pauseAfter: [], startedAtMs: 1 },
  };
  return jsonOf({ version: 1, ...newUpgrade(order, ["1", "2"]), state });
}

const silence = { version: 1, by: "u1", ttlMs: 900_000 };

interface Case extends BackedUp {
  readonly what: string;
  readonly waitMs: number;
}

const cases: readonly Case[] = [
  { what: "no upgrade", records: {}, origin: "person", waitMs: 60_000 },
  {
    what: "an upgrade that will announce a silence",
    records: { [keys.systemUpgrade]: upgradeOf("stop-all", "running") },
    ...{ origin: "schedule", waitMs: 600_000 },
  },
  {
    what: "one that is being taken back",
    records: { [keys.systemUpgrade]: upgradeOf("stop-all", "abort-failed") },
    ...{ origin: "person", waitMs: 600_000 },
  },
  {
    what: "one that stops no two servers at a time",
    records: { [keys.systemUpgrade]: upgradeOf("rolling", "running") },
    ...{ origin: "upgrade", waitMs: 60_000 },
  },
  {
    what: "one that is over",
    records: { [keys.systemUpgrade]: upgradeOf("stop-all", "done") },
    ...{ origin: "person", waitMs: 60_000 },
  },
  {
    what: "none, made when the program was replaced by hand",
    records: {},
    ...{ origin: "upgrade", waitMs: 60_000 },
  },
  {
    what: "an upgrade that is over, made when the program was replaced by hand",
    records: { [keys.systemUpgrade]: upgradeOf("stop-all", "done") },
    ...{ origin: "upgrade", waitMs: 60_000 },
  },
  {
    what: "an upgrade that announces a silence, and made the backup",
    records: { [keys.systemUpgrade]: upgradeOf("stop-all", "running") },
    ...{ origin: "upgrade", waitMs: 600_000 },
  },
  {
    what: "a silence",
    records: { [keys.silence]: silence },
    ...{ origin: "person", waitMs: 900_000 },
  },
];

for (const each of cases) {
  test(`a restore from a backup that knows of ${each.what} waits ${each.waitMs / 1_000} s`, async (t) => {
    const file = await backUp(t, each);
    const waits: number[] = [];
    const said: string[] = [];
    const options = restoreOptions({
      ...{ file, waits, onStep: (sentence: string) => said.push(sentence) },
      dataDirectory: join(await temporaryDirectory(t), "data"),
    });
    const restored = await restoreBackup(options);
    assert.ok(restored.ok, restored.ok ? "" : restored.error);
    const waitedMs = waits.reduce((sum, ms) => sum + ms, 0);
    // What it has taken so far counts.
    assert.ok(waitedMs <= each.waitMs && waitedMs > each.waitMs - 20_000, `${waitedMs} ms`);
    const words = said.find((sentence) => sentence.startsWith("waits ")) ?? "";
    assert.equal(words.includes("an upgrade was under way"), each.waitMs > 60_000, words);
    const sure = { ...options, oldLife: "leases-over", existing: "replace" } as const;
    waits.length = 0;
    assert.ok((await restoreBackup(sure)).ok);
    assert.deepEqual(waits, [], "a person knows that all leases are over");
  });
}
