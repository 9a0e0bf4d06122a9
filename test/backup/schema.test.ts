/** A backup says the schema that the store has, whatever the program wants; in the middle of a migration none is made. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { writeBackupFile } from "../../src/backup/backup-files.ts";
import type { BackupHeader } from "../../src/backup/format.ts";
import { BackupReader } from "../../src/backup/read-backup.ts";
import { StoreShape } from "../../src/backup/store-shape.ts";
import { verifyBackup } from "../../src/backup/verify-backup.ts";
import { createMigrations } from "../../src/core/migrations/create-migrations.ts";
import { err, ok } from "../../src/core/result.ts";
import type { JsonValue, Store } from "../../src/ports/store.ts";
import { beginBackup } from "../../src/server/backup/make-backup.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { keys } from "../../src/wire/records.ts";
import { clock, startHarness, temporaryDirectory } from "../server/harness.ts";
import { until } from "../support/control-plane.ts";
import { piecesOf, program } from "./support/items.ts";

/** Servers of both schemas serve before, in and after it. */
const rolling = createMigrations([
  { from: 1, to: 2, name: "nothing", rolling: true, migrate: (entry) => [entry] },
]);
const schemaOne = { version: 1, schema: 1, migratedAtMs: 5, byVersion: "0.1.0" };
const begun = {
  ...{ version: 1, from: 1, to: 2, byVersion: "0.2.0", startedAtMs: 6 },
  ...{ doneCount: 0, changedCount: 0, keptCount: 0 },
};
const askPassphrase = () => Promise.resolve(err("asked"));

async function write(store: Store, values: Readonly<Record<string, JsonValue | undefined>>) {
  const then = Object.entries(values).map(([key, value]) =>
    value === undefined
      ? ({ kind: "delete", key } as const)
      : ({ kind: "put", key, value } as const),
  );
  assert.ok((await store.txn({ compare: [], then })).ok);
}

async function headerOf(bytes: Uint8Array): Promise<BackupHeader> {
  const opened = await BackupReader.open(piecesOf(bytes, 65_536), askPassphrase);
  assert.ok(opened.ok, opened.ok ? "" : opened.error);
  return opened.value.header;
}

/** A server of schema 2 on a store of schema 1, which it has not migrated yet. */
async function newServer(t: Parameters<typeof startHarness>[0]) {
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  await write(store, { [keys.schema]: schemaOne });
  return await startHarness(t, { store, migrations: rolling });
}

test("a backup has the schema of the store, not of the server that makes it", async (t) => {
  const { server, adminToken, store } = await newServer(t);
  const make = async (): Promise<Uint8Array> => {
    const headers = { authorization: `Bearer ${adminToken}` };
    const made = await fetch(`${server.url}/v1/backup`, { method: "POST", headers });
    assert.equal(made.status, 200);
    return new Uint8Array(await made.arrayBuffer());
  };
  const bytes = await make();
  assert.equal((await headerOf(bytes)).schema, 1);
  const verify = (by: typeof program) =>
    verifyBackup({ bytes: piecesOf(bytes, 65_536), askPassphrase, program: by });
  assert.equal((await verify(program)).ok, true, "the version of before takes it");
  const verified = await verify({ version: "0.2.0", migrations: rolling });
  assert.equal(verified.ok && verified.value.plan.steps.length, 1, "the new one migrates it");
  await write(store, { [keys.schema]: { ...schemaOne, schema: 2 } });
  assert.equal((await headerOf(await make())).schema, 2);
});

test("while the store is migrated no backup is made, and the schedule makes it afterwards", async (t) => {
  const { call, store } = await newServer(t);
  const directory = join(await temporaryDirectory(t), "backups");
  await write(store, { [keys.migration]: begun });
  const refused = await call("POST", "/v1/backup");
  assert.equal(refused.status, 503, refused.text);
  assert.equal(refused.json["code"], "unavailable");
  assert.match(String(refused.json["detail"]), /is being brought to another schema/);
  assert.match(String(refused.json["hint"]), /holdfast upgrade status/);
  const audit = await store.range(keys.audit);
  assert.doesNotMatch(JSON.stringify(audit), /backup\.create/, "nothing was handed out");

  const path = "/v1/backup-schedule";
  await call("PUT", path, { body: { schedule: { everyMs: 3_600_000, keep: 2, directory } } });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const waiting = (await call("GET", path)).json;
  assert.deepEqual(["made" in waiting, "failed" in waiting], [false, false]);
  assert.equal(existsSync(directory), false);
  await write(store, {
    [keys.schema]: { ...schemaOne, schema: 2 },
    [keys.migration]: undefined,
  });
  await until("it to be made", async () => "made" in (await call("GET", path)).json, 5_000);
  const { made } = (await call("GET", path)).json;
  assert.equal((await headerOf(await readFile(String(made?.["path"])))).schema, 2);
});

const before = (schema: number) => ({ before: { schema, revision: 7 } });
const shapes: readonly (readonly [string, Readonly<Record<string, JsonValue>>, boolean])[] = [
  ["says nothing", {}, false],
  ["has one schema", { [keys.schema]: schemaOne }, false],
  ["is migrated", { [keys.schema]: schemaOne, [keys.migration]: begun }, true],
  ["waits for a migration", { [keys.schema]: { ...schemaOne, migratingTo: 2 } }, true],
  ["was migrated", { [keys.schema]: { ...schemaOne, schema: 2, ...before(1) } }, false],
  ["is on its way back from the midst", { [keys.schema]: { ...schemaOne, ...before(1) } }, true],
];

for (const [what, values, isFlawed] of shapes) {
  test(`a store that ${what} ${isFlawed ? "cannot" : "can"} be backed up`, () => {
    const shape = new StoreShape();
    for (const [key, value] of Object.entries(values)) shape.put(key, value);
    const flaw = isFlawed ? "the store is being brought to another schema" : undefined;
    assert.equal(shape.flaw, flaw);
  });
}

const meanwhile: readonly (readonly [string, Readonly<Record<string, JsonValue>>, RegExp])[] = [
  ["begins", { [keys.migration]: begun }, /is being brought to another schema/],
  ["ends", { [keys.schema]: { ...schemaOne, schema: 2 } }, /from schema 1 to 2 meanwhile/],
];

for (const [what, values, expected] of meanwhile) {
  test(`a backup in whose midst a migration ${what} comes to no end`, async (t) => {
    const store = createMemoryStore({ clock });
    t.after(() => store.close());
    await write(store, { [keys.schema]: schemaOne });
    const made = await beginBackup(
      {
        ...{ store, clock, serverId: "1", version: "0.2.0" },
        async secrets() {
          await write(store, values);
          return ok({ files: [], cluster: undefined });
        },
      },
      { origin: "person", signal: new AbortController().signal },
    );
    assert.ok(made.ok);
    const directory = await temporaryDirectory(t);
    const file = { directory, name: "a.backup", bytes: made.value, existing: "refuse" } as const;
    const written = await writeBackupFile(file);
    assert.match(written.ok ? "" : written.error, expected);
  });
}
