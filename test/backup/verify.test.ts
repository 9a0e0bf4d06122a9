/** What a backup holds is looked at record by record. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { effectiveItems } from "../../src/backup/effective-items.ts";
import type { BackupItem } from "../../src/backup/item.ts";
import { verifyBackup } from "../../src/backup/verify-backup.ts";
import type { BackupFacts } from "../../src/backup/write-backup.ts";
import { createMigrations } from "../../src/core/migrations/create-migrations.ts";
import type { Migration } from "../../src/core/migrations/migration.ts";
import { err, type Result } from "../../src/core/result.ts";
import type { JsonValue } from "../../src/ports/store.ts";
import { bytesOf, endOf, facts, groupEntry, piecesOf, program } from "./support/items.ts";

const askPassphrase = () => Promise.resolve(err("asked"));

async function verify(
  items: readonly BackupItem[],
  more: { readonly facts?: BackupFacts; readonly program?: typeof program } = {},
): Promise<Result<unknown, string>> {
  const bytes = await bytesOf([items], more.facts ? { facts: more.facts } : {});
  const source = { bytes: piecesOf(bytes, 1_000), askPassphrase };
  return await verifyBackup({ ...source, program: more.program ?? program });
}

const good = [groupEntry("a"), groupEntry("b")];

test("verifyBackup() takes what a store can hold", async () => {
  assert.equal((await verify([...good, endOf(2)])).ok, true);
  const later = entry("schema", schemaOne, "changed");
  const earlier = entry("schema", { ...schemaOne, schema: 7 });
  assert.equal((await verify([earlier, later, endOf(1)])).ok, true, "what it was last counts");
});

const status = {
  kind: "entry",
  key: "statuses/process:api",
  value: {
    ...{ version: 1, service: "process:api", state: "queued", uid: "1.1" },
    ...{ failedNodes: [], sinceMs: 1, reason: { code: "added" } },
  },
  modRevision: 4,
  isLeased: false,
} as const;

function entry(key: string, value: JsonValue, kind: "entry" | "changed" = "entry"): BackupItem {
  return { kind, key, value, modRevision: 4, isLeased: false };
}

const schemaOne = { version: 1, schema: 1, migratedAtMs: 1, byVersion: "0.1.0" };
const takenBack = {
  ...{ version: 1, id: "u1", by: "admin", strategy: "rolling", from: "0.1.0" },
  ...{ to: { version: "0.2.0" }, schema: { from: 1, to: 2 }, pauseAfter: [], detail: "" },
  ...{ state: "aborting", attempt: 1, startedAtMs: 1 },
  steps: [{ name: "migrate", kind: "migrate", state: "undoing", detail: "" }],
};

const faults: readonly (readonly [string, readonly BackupItem[], RegExp])[] = [
  [
    "a record of another shape",
    [{ ...status, value: { version: 1 } }, endOf(1)],
    /"statuses\/process:api" cannot be read/,
  ],
  [
    "a record of no known kind",
    [{ ...status, key: "recipes/soup" }, endOf(1)],
    /"recipes\/soup" is of no kind/,
  ],
  [
    "a status without its service",
    [status, endOf(1)],
    /belongs to "services\/process:api", which is not there/,
  ],
  ["a key twice", [groupEntry("a"), groupEntry("a"), endOf(1)], /"groups\/a" is not in its place/],
  [
    "keys in another order",
    [groupEntry("b"), groupEntry("a"), endOf(2)],
    /"groups\/a" is not in its place/,
  ],
  [
    "a header of another schema than the store in it",
    [entry("schema", { ...schemaOne, schema: 2 }), endOf(1)],
    /its header says schema 1, and the store in it has 2/,
  ],
  [
    "what was made in a migration",
    [entry("migration", { version: 1 }), endOf(1)],
    /it was made while the store is being brought to another schema/,
  ],
  [
    "what was made while a migration was taken back",
    [entry("schema", { ...schemaOne, migratingTo: 1 }), endOf(1)],
    /is being brought to another schema; take an earlier one/,
  ],
  [
    "what was made while a migration that nobody waits for was taken back",
    [
      entry("schema", { ...schemaOne, before: { schema: 1, revision: 3 } }),
      entry("system-upgrade", takenBack),
      endOf(2),
    ],
    /is being brought to another schema; take an earlier one/,
  ],
  ["fewer keys than it says", [...good, endOf(3)], /holds 2 keys and 0 files, and says 3 and 0/],
  [
    "a file that is none of a server",
    [{ kind: "file", name: "../../etc/passwd", text: "" }, endOf(0, { fileCount: 1 })],
    /it holds a file "\.\.\/\.\.\/etc\/passwd"/,
  ],
];

for (const [what, items, expected] of faults) {
  test(`verifyBackup() refuses ${what}`, async () => {
    const verified = await verify(items);
    assert.match(verified.ok ? "" : verified.error, expected);
  });
}

test("verifyBackup() refuses a newer schema with the version that is needed", async () => {
  const newer = { ...facts, schema: 3, version: "4.0.0" };
  assert.deepEqual(
    await verify([...good, endOf(2)], { facts: newer }),
    err(
      "it has schema 3 and was made by holdfast 4.0.0, this is holdfast 9.9.9 that knows schemas up to 1; use holdfast >= 4.0.0",
    ),
  );
});

test("an older schema is brought to that of the program, and what changed last counts", async () => {
  const renames: Migration = {
    ...{ from: 1, to: 2, name: "groups in capitals", rolling: false },
    migrate: (entry) =>
      entry.key.startsWith("groups/")
        ? [{ ...entry, key: entry.key.toUpperCase().replace("GROUPS", "groups") }]
        : [entry],
  };
  const newer = { version: "9.9.9", migrations: createMigrations([renames]) };
  const bytes = await bytesOf([
    [groupEntry("a"), groupEntry("b"), groupEntry("c")],
    [groupEntry("b", "changed"), { kind: "deleted", key: "groups/c" }, endOf(2)],
  ]);
  const source = () => ({ bytes: piecesOf(bytes, 1_000), askPassphrase });
  const verified = await verifyBackup({ ...source(), program: newer });
  assert.ok(verified.ok, verified.ok ? "" : verified.error);
  const keys: string[] = [];
  for await (const items of effectiveItems(source(), verified.value)) {
    keys.push(...items.map((item) => (item.kind === "entry" ? item.key : item.name)));
  }
  assert.deepEqual(keys, ["groups/A", "groups/B"]);
});
