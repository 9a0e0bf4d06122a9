/** What an upgrade reads out of the tables, and what it moves to the audit. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { silenceTtlMs } from "../../src/core/upgrade/dark.ts";
import type { JsonValue } from "../../src/ports/store.ts";
import { shortestLeaseMs } from "../../src/server/upgrade/facts.ts";
import { lateAudit } from "../../src/server/upgrade/late-audit.ts";
import { createTables, type WritableTables } from "../../src/server/view/view-tables.ts";
import { auditRecordSchema, keys } from "../../src/wire/records.ts";
import { upgradeRecord } from "./schema/support/waiting.ts";

function tablesOf(entries: Readonly<Record<string, JsonValue>>): WritableTables {
  const tables = createTables();
  for (const [key, value] of Object.entries(entries)) {
    tables.put({ key, value, createRevision: 1, modRevision: 1, leaseId: undefined });
  }
  return tables;
}

function lease(ttlMs: number | undefined): JsonValue {
  const times = ttlMs === undefined ? {} : { times: { ttlMs, watchdogMs: 1, renewEveryMs: 1 } };
  return { version: 1, epoch: 1, leaseId: "l", incarnation: "i", ...times };
}

/** A word for the case, the leases' lives, and what is announced; profile `fast` gives leases of 3 s. */
const cases: readonly [
  words: string,
  lives: readonly (number | undefined)[],
  announced: boolean,
  wanted: number | undefined,
][] = [
  ["no agent", [], true, undefined],
  ["announced, and nobody has renewed yet", [3_000, 3_000], true, 3_000],
  ["announced, and one has renewed", [silenceTtlMs, 3_000], true, 3_000],
  ["announced, and all have renewed", [silenceTtlMs, silenceTtlMs], true, silenceTtlMs],
  [
    "the silence is over: a long lease is long only until it is renewed",
    [silenceTtlMs],
    false,
    3_000,
  ],
  ["an agent that does not say how long it counts", [silenceTtlMs, undefined], true, 0],
];

for (const [words, lives, announced, wanted] of cases) {
  test(`shortestLeaseMs(): ${words}`, () => {
    const leases = lives.map((ttlMs, index) => [`${keys.leases}n${index}`, lease(ttlMs)] as const);
    const silence = { version: 1, by: "u1", ttlMs: silenceTtlMs };
    const tables = tablesOf({
      [keys.settings]: { version: 1, settings: { profile: "fast" } },
      ...Object.fromEntries(leases),
      ...(announced ? { [keys.silence]: silence } : {}),
    });
    assert.equal(shortestLeaseMs(tables), wanted);
  });
}

test("lateAudit() moves what was ordered meanwhile behind the newest entry, in its order and with its times", () => {
  const order = (word: string, atMs: number) => ({ order: word, who: "ada", from: "::1", atMs });
  const unaudited = [order("pause", 2_000), order("abort", 1_000)];
  const tables = tablesOf({
    [keys.systemUpgrade]: { ...Object(upgradeRecord("paused")), unaudited },
  });
  const lastKey = `${keys.audit}${"1500000".padStart(16, "0")}`;
  const late = lateAudit(tables.systemUpgrade, lastKey);
  assert.ok(late !== undefined);
  const puts = late.operations.filter((operation) => operation.kind === "put");
  const [upgrade, ...entries] = puts;
  assert.equal(upgrade?.key, keys.systemUpgrade);
  assert.ok(!JSON.stringify(upgrade?.value).includes("unaudited"));
  const places = [lastKey, ...entries.map(({ key }) => key)];
  assert.deepEqual(places, [...places].sort(), "the audit keeps its order");
  const said = entries.map(({ value }) => auditRecordSchema.parse(value));
  assert.deepEqual(
    said.map(({ who, action, atMs }) => [who, action, atMs]),
    [
      ["ada", "upgrade.pause", 2_000],
      ["ada", "upgrade.abort", 1_000],
    ],
  );
  const without = tablesOf({ [keys.systemUpgrade]: upgradeRecord("paused") });
  assert.equal(lateAudit(without.systemUpgrade, lastKey), undefined);
});
