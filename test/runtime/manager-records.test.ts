/** What the core decides with, as it follows from the settings that people store. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterSettingsOf } from "../../src/runtime/manager-records.ts";
import { type SettingsInput, settingsSchema } from "../../src/wire/settings.ts";

test("clusterSettingsOf() waits on a cold start as long as a lease lives, unless something is set", () => {
  const times = { ttlMs: 20_000, watchdogMs: 15_000, renewEveryMs: 4_000 };
  const table: readonly (readonly [SettingsInput, number])[] = [
    [{}, 6_000],
    [{ profile: "fast" }, 3_000],
    [{ profile: "patient" }, 60_000],
    [{ times }, 20_000],
    [{ coldStartMs: null }, 6_000],
    [{ coldStartMs: 0 }, 0],
    [{ profile: "patient", coldStartMs: 2_500 }, 2_500],
  ];
  for (const [input, expected] of table) {
    const { coldStartMs } = clusterSettingsOf(settingsSchema.parse(input));
    assert.equal(coldStartMs, expected, JSON.stringify(input));
  }
});
