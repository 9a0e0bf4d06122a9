/** Migrations on the embedded stores. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "node:test";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import type { Store } from "../../src/ports/store.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { openSqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import { describeMigrateStore } from "./migrate-store.ts";
import type { TestEnd } from "./support/cut-store.ts";
import { describeTakeBack } from "./take-back.ts";

function openMemory(t: TestEnd): Promise<Store> {
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  return Promise.resolve(store);
}

async function openSqlite(t: TestEnd): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), "hf-migrate-"));
  const opened = await openSqliteStore({ file: join(folder, "store.sqlite"), clock });
  if (!opened.ok) throw new Error(opened.error.message);
  t.after(async () => {
    await opened.value.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return opened.value;
}

describe("migrations in memory", () => {
  describeMigrateStore(openMemory);
  describeTakeBack(openMemory);
});

describe("migrations on SQLite", () => {
  describeMigrateStore(openSqlite);
  describeTakeBack(openSqlite);
});
