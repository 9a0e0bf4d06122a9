/** How long a survivor that is made a cluster of one has to let the leases of the old cluster run. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { silenceTtlMs } from "../../src/core/upgrade/dark.ts";
import { newUpgrade } from "../../src/core/upgrade/plan.ts";
import { jsonOf } from "../../src/runtime/manager-records.ts";
import { leaseTtlMsOf } from "../../src/setup/recover/knowledge.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { keys } from "../../src/wire/records.ts";
import { clock } from "../server/harness.ts";

const settings = { version: 1, settings: { profile: "balanced" } };
const lease = {
  ...{ version: 1, epoch: 1, leaseId: "l", incarnation: "i" },
  times: { ttlMs: 60_000, watchdogMs: 50_000, renewEveryMs: 10_000 },
};
const silence = { version: 1, by: "u1", ttlMs: 700_000 };

function upgrade(strategy: "rolling" | "stop-all", state: "running" | "done"): object {
  const order = {
    ...{ id: "u1", by: "ada", strategy, from: "0.1.0", to: { version: "0.2.0" } },
    ...{ schema: { from: 1, to: 1 }, pauseAfter: [], startedAtMs: 0 },
  };
  return { version: 1, ...newUpgrade(order, ["1", "2", "3"]), state };
}

const cases: readonly [words: string, records: Readonly<Record<string, object>>, wanted: number][] =
  [
    ["settings alone", {}, 6_000],
    ["a longer lease that was granted", { [`${keys.leases}n1`]: lease }, 60_000],
    ["a silence that was announced", { [keys.silence]: silence }, 700_000],
    [
      "an upgrade that may have",
      { [keys.systemUpgrade]: upgrade("stop-all", "running") },
      silenceTtlMs,
    ],
    ["one that is over", { [keys.systemUpgrade]: upgrade("stop-all", "done") }, 6_000],
    ["one that announces none", { [keys.systemUpgrade]: upgrade("rolling", "running") }, 6_000],
  ];

for (const [words, records, wanted] of cases) {
  test(`leases of the old cluster: ${words}`, async () => {
    const store = createMemoryStore({ clock });
    const then = Object.entries({ [keys.settings]: settings, ...records }).map(
      ([key, value]) => ({ kind: "put", key, value: jsonOf(value) }) as const,
    );
    assert.ok((await store.txn({ compare: [], then })).ok);
    const found = await leaseTtlMsOf(store);
    await store.close();
    assert.deepEqual(found, { ok: true, value: wanted });
  });
}
