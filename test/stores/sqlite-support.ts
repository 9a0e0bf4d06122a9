/** SQLite stores in directories of their own, for tests. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "../../src/ports/store.ts";
import { openSqliteStore, type SqliteStoreOptions } from "../../src/stores/sqlite/sqlite-store.ts";
import { ManualClock } from "./manual-clock.ts";

export interface TemporaryDirectory {
  readonly path: string;
  /** The path of a file in it. */
  file(name: string): string;
  remove(): void;
}

export function temporaryDirectory(): TemporaryDirectory {
  const path = mkdtempSync(join(tmpdir(), "holdfast-store-"));
  return {
    path,
    file: (name) => join(path, name),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

export type OpenOptions = Partial<SqliteStoreOptions> & Pick<SqliteStoreOptions, "file">;

/** Opens a store that must open; its clock stands still unless one is given. */
export async function openStore(options: OpenOptions): Promise<Store> {
  const opened = await openSqliteStore({ clock: new ManualClock(), ...options });
  assert.ok(opened.ok, opened.ok ? "" : opened.error.message);
  return opened.value;
}

/** The message of a store that must not open. */
export async function refusalOf(file: string): Promise<{ kind: string; message: string }> {
  const opened = await openSqliteStore({ file, clock: new ManualClock() });
  if (opened.ok) await opened.value.close();
  assert.ok(!opened.ok, `"${file}" was opened and should not have been`);
  return opened.error;
}
