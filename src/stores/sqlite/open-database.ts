/**
 * Opens the file of the embedded store: makes it private, takes the lock that dies with the process, refuses
 * what is not a Holdfast store of a known version, and brings an older one up to date.
 */
import { chmodSync, closeSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { err, ok, type Result } from "../../core/result.ts";
import { applicationId, migrations, schemaVersion } from "./schema.ts";
import {
  isDamage,
  isInUse,
  isLackOfRoom,
  isNoAccess,
  type SqliteFailure,
  sqliteFailureOf,
} from "./sqlite-failure.ts";

/**
 * Why a store could not be opened. `in-use`: another process has it; `incompatible`: not a Holdfast store, or
 * a newer one; `damaged`: its content is broken; `inaccessible`: permissions, disk, path.
 */
export interface StoreOpenError {
  readonly kind: "in-use" | "incompatible" | "damaged" | "inaccessible";
  /** One line for a person; names the file. */
  readonly message: string;
}

/** The open and locked database, ready for `SqliteBackend`. */
export function openDatabase(file: string): Result<DatabaseSync, StoreOpenError> {
  const made = makePrivateFile(file);
  if (!made.ok) return made;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: 0 });
    const flaw = prepareDatabase(database);
    if (flaw === undefined) return ok(database);
    database.close();
    return err({ kind: flaw.kind, message: `cannot open "${file}": ${flaw.message}` });
  } catch (error: unknown) {
    const failure = sqliteFailureOf(error);
    if (failure === undefined) throw error;
    if (database?.isOpen) database.close();
    return err(openErrorOf(file, failure));
  }
}

/** Creates the file, and folders above it, for this user alone. */
function makePrivateFile(file: string): Result<void, StoreOpenError> {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    if (!createFile(file) && (statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600);
    return ok(undefined);
  } catch (error: unknown) {
    if (!(error instanceof Error && "code" in error)) throw error;
    return err({ kind: "inaccessible", message: `cannot open "${file}": ${error.message}` });
  }
}

/**
 * False: it was there. An existing file is never opened here: closing any descriptor of it would drop the lock
 * of a store that this process has open already.
 */
function createFile(file: string): boolean {
  try {
    closeSync(openSync(file, "wx", 0o600));
    return true;
  } catch (error: unknown) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

function prepareDatabase(database: DatabaseSync): StoreOpenError | undefined {
  database.exec("PRAGMA locking_mode = EXCLUSIVE");
  const incompatible = flawOfVersion(database);
  if (incompatible !== undefined) return { kind: "incompatible", message: incompatible };
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  // Checkpoints are made by SqliteBackend, which notices when one fails.
  database.exec("PRAGMA wal_autocheckpoint = 0");
  const check = textOf(database, "PRAGMA quick_check(1)", "quick_check");
  if (check !== "ok") return { kind: "damaged", message: damageIn(check) };
  migrate(database);
  return undefined;
}

function damageIn(check: string): string {
  return `its content is damaged: ${check.replaceAll(/\s+/g, " ").slice(0, 200)}`;
}

/** Reads only, so that a file that is not ours stays as it is. */
function flawOfVersion(database: DatabaseSync): string | undefined {
  const tables = numberOf(database, "SELECT COUNT(*) AS tables FROM sqlite_schema", "tables");
  const id = numberOf(database, "PRAGMA application_id", "application_id");
  const version = numberOf(database, "PRAGMA user_version", "user_version");
  if (id !== applicationId && (tables > 0 || id !== 0)) {
    return "it is a database of something else, not a Holdfast store";
  }
  if (version <= schemaVersion) return undefined;
  return `it was written by a newer Holdfast (format ${version}, this one knows up to ${schemaVersion}): upgrade Holdfast`;
}

/** An empty exclusive transaction, too, takes the lock; from here on it is held until the end. */
function migrate(database: DatabaseSync): void {
  const version = numberOf(database, "PRAGMA user_version", "user_version");
  database.exec("BEGIN EXCLUSIVE");
  for (const migration of migrations.slice(version)) database.exec(migration);
  if (version < schemaVersion) {
    database.exec(
      `PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion}`,
    );
  }
  database.exec("COMMIT");
}

function openErrorOf(file: string, failure: SqliteFailure): StoreOpenError {
  if (isInUse(failure)) {
    return {
      kind: "in-use",
      message: `cannot open "${file}": another process has it open; an embedded store serves one server only`,
    };
  }
  const message = `cannot open "${file}": ${failure.message}`;
  if (isDamage(failure)) return { kind: "damaged", message };
  if (isLackOfRoom(failure) || isNoAccess(failure)) return { kind: "inaccessible", message };
  return { kind: "inaccessible", message: `${message} (SQLite code ${failure.code})` };
}

function numberOf(database: DatabaseSync, sql: string, column: string): number {
  return Number(database.prepare(sql).get()?.[column] ?? 0);
}

function textOf(database: DatabaseSync, sql: string, column: string): string {
  return String(database.prepare(sql).get()?.[column] ?? "");
}
