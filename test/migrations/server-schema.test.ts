/** A server looks at its store's schema before it serves, and at every write. */
import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import { listBackups } from "../../src/backup/backup-files.ts";
import { migrateStore } from "../../src/runtime/migrate/migrate-store.ts";
import { type ServerOptions, startServer } from "../../src/server/start.ts";
import { saveBeforeMigration } from "../../src/setup/save-before-migration.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { openSqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import {
  quietLog,
  send,
  serviceBody,
  startHarness,
  temporaryDirectory,
} from "../server/harness.ts";
import { fill, storedValue } from "./support/example.ts";
import { noteMigrations } from "./support/note-migration.ts";

const record = { version: 1, schema: 2, migratedAtMs: 5, byVersion: "0.3.0" };

test("a server notes the schema of a new store, and tells it", async (t) => {
  const { call, store } = await startHarness(t);
  const { status, json } = await call("GET", "/v1/schema");
  assert.equal(status, 200);
  assert.deepEqual([json["stored"], json["wanted"]], [1, 1]);
  const stored = await storedValue(store, "schema");
  assert.deepEqual(stored, {
    version: 1,
    schema: 1,
    migratedAtMs: json["migratedAtMs"],
    byVersion: "0.0.0-test",
  });
});

test("a new store has the newest schema at once, and one from before there were schemas the first", async (t) => {
  const fresh = await startHarness(t, { migrations: noteMigrations });
  const { json } = await fresh.call("GET", "/v1/schema");
  assert.deepEqual([json["stored"], json["wanted"]], [2, 2]);
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  await fill(store, [{ key: "relations", value: { version: 1, subject: "x" } }]);
  const old = await startHarness(t, { store });
  assert.equal((await old.call("GET", "/v1/schema")).json["stored"], 1);
});

test("a server refuses a store that is newer than it, and changes nothing in it", async (t) => {
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  await fill(store, [{ key: "schema", value: record }]);
  const started = await startServer({
    ...{ store, clock, log: quietLog, version: "0.2.0" },
    dataDirectory: await temporaryDirectory(t),
    listen: { host: "127.0.0.1", port: 0 },
  });
  assert.ok(!started.ok);
  assert.equal(
    started.error,
    "the store has schema 2 of holdfast 0.3.0, this is holdfast 0.2.0 that knows 1; start holdfast 0.3.0 or restore a backup",
  );
  const read = await store.range("");
  assert.deepEqual(read.ok && read.value.entries.map(({ key }) => key), ["schema"]);
});

test("a server ends, with the reason, when another one brings the store to a schema that it does not know", async (t) => {
  const { server, store, call } = await startHarness(t);
  const made = await call("PUT", "/v1/settings", { body: { profile: "fast" } });
  assert.notEqual(made.status, 503);
  await fill(store, [{ key: "schema", value: record }]);
  const late = await call("POST", "/v1/tokens", { body: { role: "admin", name: "late" } });
  assert.ok(late.status >= 500, `${late.status}`);
  await assert.rejects(server.closed, /the store has schema 2 of holdfast 0\.3\.0/);
});

test("the only server of an older store keeps a backup, migrates it and serves", async (t) => {
  const dataDirectory = await temporaryDirectory(t);
  const file = join(dataDirectory, "store.sqlite");
  await runOnce(t, { dataDirectory, file, version: "0.1.0" }, async (call) => {
    assert.equal((await call("POST", "/v1/services", serviceBody("api"))).status, 201);
  });
  const backups = join(dataDirectory, "backups");
  let madeAtMs = 0;
  for (const round of ["migrates", "finds it migrated"]) {
    const options = { dataDirectory, file, version: "0.2.0", migrations: noteMigrations };
    await runOnce(t, options, async (call, store) => {
      const { json } = await call("GET", "/v1/schema");
      assert.deepEqual([json["stored"], json["byVersion"]], [2, "0.2.0"], round);
      const service = await storedValue(store, "services/process:api");
      assert.ok(typeof service === "object" && service !== null && "note" in service);
      assert.equal((await call("GET", "/v1/services/process:api")).status, 200);
    });
    const { mtimeMs } = await stat(join(backups, "before-schema-2.backup"));
    madeAtMs ||= mtimeMs;
    assert.equal(mtimeMs, madeAtMs, "the backup is that of before");
  }
  const listed = await listBackups(backups);
  assert.ok(listed.ok && listed.value[0]?.header.ok);
  assert.equal(listed.value[0].header.value.schema, 1);
  assert.ok((listed.value[0].summary?.serviceCount ?? 0) === 1);
});

test("the only server of an older store does not migrate it where it cannot keep a backup", async (t) => {
  const dataDirectory = await temporaryDirectory(t);
  const opened = await openSqliteStore({ file: join(dataDirectory, "store.sqlite"), clock });
  assert.ok(opened.ok);
  const store = opened.value;
  t.after(() => store.close());
  await fill(store, [{ key: "relations", value: { version: 1, subject: "x" } }]);
  const started = await startServer({
    ...{ store, clock, log: quietLog, version: "0.2.0", dataDirectory },
    migrations: noteMigrations,
    saveBefore: () => Promise.resolve({ ok: false, error: "no space left" }),
    listen: { host: "127.0.0.1", port: 0 },
  });
  assert.ok(!started.ok);
  assert.equal(started.error, "the store is not migrated without a backup: no space left");
  assert.equal(await storedValue(store, "migration"), undefined);
});

test("the only server of a store carries on a migration that was cut off, and leaves the backup alone", async (t) => {
  const dataDirectory = await temporaryDirectory(t);
  const file = join(dataDirectory, "store.sqlite");
  await runOnce(t, { dataDirectory, file, version: "0.1.0" }, () => Promise.resolve());
  const opened = await openSqliteStore({ file, clock });
  assert.ok(opened.ok);
  const end = new AbortController();
  const plan = { from: 1, to: 2, steps: noteMigrations.list, rolling: false };
  const cut = await migrateStore(opened.value, plan, {
    ...{ clock, version: "0.2.0", check: () => undefined, signal: end.signal },
    onProgress: ({ step }) => {
      if (step === "migrate") end.abort();
    },
  });
  assert.ok(!cut.ok);
  assert.notEqual(await storedValue(opened.value, "migration"), undefined);
  await opened.value.close();
  const old = await start({ dataDirectory, file, version: "0.1.0" });
  assert.ok(!old.started.ok);
  assert.match(
    old.started.error,
    /holdfast 0\.2\.0 has begun to bring the store from schema 1 to 2/,
  );
  await old.store.close();
  const options = { dataDirectory, file, version: "0.2.0", migrations: noteMigrations };
  await runOnce(t, options, async (call) => {
    assert.equal((await call("GET", "/v1/schema")).json["stored"], 2);
  });
  await assert.rejects(stat(join(dataDirectory, "backups")), /ENOENT/);
});

type Call = (method: string, path: string, body?: object) => ReturnType<typeof send>;
type OneRun = Pick<ServerOptions, "dataDirectory" | "version" | "migrations"> & {
  readonly file: string;
};

async function start({ file, ...options }: OneRun) {
  const opened = await openSqliteStore({ file, clock });
  if (!opened.ok) throw new Error(opened.error.message);
  const { dataDirectory, version } = options;
  const started = await startServer({
    ...{ ...options, store: opened.value, clock, log: quietLog },
    saveBefore: saveBeforeMigration({ dataDirectory, version, clock, serverId: "1" }),
    listen: { host: "127.0.0.1", port: 0 },
  });
  return { started, store: opened.value };
}

/** A server on its file, to its end. */
async function runOnce(
  t: TestContext,
  options: OneRun,
  use: (call: Call, store: Awaited<ReturnType<typeof start>>["store"]) => Promise<void>,
): Promise<void> {
  const { started, store } = await start(options);
  assert.ok(started.ok, started.ok ? "" : started.error);
  t.after(() => started.value.close());
  const token = (await readFile(join(options.dataDirectory, "admin.token"), "utf8")).trim();
  try {
    await use(
      (method, path, body) => send(started.value.url, method, path, { token, body }),
      store,
    );
  } finally {
    await started.value.close();
    await store.close();
  }
}
