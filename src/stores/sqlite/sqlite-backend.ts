/**
 * A store's data in one SQLite file. A transaction is committed with a sync to disk before it counts; a full
 * disk undoes it and leaves everything as it was; a commit of unknown outcome is the end (fail stop).
 */
import type { DatabaseSync } from "node:sqlite";
import { err, ok, type Result } from "../../core/result.ts";
import type { LeaseId, StoreCapabilities, StoredEntry, StoreRevision } from "../../ports/store.ts";
import type { KeyRange } from "../shared/key.ts";
import type {
  BackendFailure,
  HistoryPiece,
  HistoryRequest,
  KeyRevisions,
  RevisionRecord,
  StoreBackend,
  StoredLease,
} from "../shared/store-backend.ts";
import { entryFromRow, numberIn, textIn } from "./rows.ts";
import { isLackOfRoom, type SqliteFailure, sqliteFailureOf } from "./sqlite-failure.ts";
import { SqliteHistory, type SqliteHistoryOptions } from "./sqlite-history.ts";
import { prepareStatements, type Statements } from "./statements.ts";

export interface SqliteBackendOptions extends SqliteHistoryOptions {
  /** Open and locked, with the tables in it. */
  readonly database: DatabaseSync;
  /** Its path, for messages. */
  readonly file: string;
}

/**
 * After so many changes or bytes the write-ahead log is copied into the file. A change dirties about four pages
 * of 4 KiB, so the log stays below some 10 MB.
 */
const checkpointChangesMax = 500;
const checkpointBytesMax = 2 * 1_048_576;

export class SqliteBackend implements StoreBackend {
  readonly capabilities: StoreCapabilities = { exclusive: true, durable: true };
  readonly #database: DatabaseSync;
  readonly #file: string;
  readonly #sql: Statements;
  readonly #history: SqliteHistory;
  #changesSinceCheckpoint = 0;
  #bytesSinceCheckpoint = 0;

  constructor(options: SqliteBackendOptions) {
    this.#database = options.database;
    this.#file = options.file;
    this.#sql = prepareStatements(options.database);
    this.#history = new SqliteHistory(this.#sql, options);
  }

  /** When there is no room, copying the log into the file may make some: then it is tried once more. */
  atomically(work: () => void): Result<void, BackendFailure> {
    const done = this.#tryAtomically(work);
    if (done.ok || done.error.kind !== "refused") return done;
    const freed = this.maintain();
    if (!freed.ok) return freed;
    return this.#tryAtomically(work);
  }

  reading<T>(work: () => T): Result<T, BackendFailure> {
    try {
      return ok(work());
    } catch (error: unknown) {
      const failure = sqliteFailureOf(error);
      if (failure === undefined) throw error;
      return err({ kind: "unavailable", message: this.#sentence("read", failure) });
    }
  }

  revision(): StoreRevision {
    return this.#history.revision;
  }

  entry(key: string): StoredEntry | undefined {
    const row = this.#sql.entry.get(key);
    return row === undefined ? undefined : entryFromRow(row);
  }

  revisionsOf(key: string): KeyRevisions | undefined {
    const row = this.#sql.revisionsOf.get(key);
    if (row === undefined) return undefined;
    return {
      createRevision: numberIn(row, "create_revision"),
      modRevision: numberIn(row, "mod_revision"),
    };
  }

  scan(range: KeyRange, limit: number): readonly StoredEntry[] {
    const rows =
      range.before === undefined
        ? this.#sql.scanToEnd.all(range.from, limit)
        : this.#sql.scan.all(range.from, range.before, limit);
    return rows.map(entryFromRow);
  }

  keysOfLease(leaseId: LeaseId): readonly string[] {
    return this.#sql.keysOfLease.all(Number(leaseId)).map((row) => textIn(row, "key"));
  }

  leases(): readonly StoredLease[] {
    const rows = this.#sql.leases.all();
    return rows.map((row) => ({
      leaseId: String(numberIn(row, "id")),
      ttlMs: numberIn(row, "ttl_ms"),
    }));
  }

  history(request: HistoryRequest): HistoryPiece | "compacted" {
    return this.#history.read(request);
  }

  put(entry: StoredEntry, text: string): void {
    const leaseId = entry.leaseId === undefined ? null : Number(entry.leaseId);
    this.#sql.put.run(entry.key, text, entry.createRevision, entry.modRevision, leaseId);
  }

  remove(key: string): void {
    this.#sql.remove.run(key);
  }

  addLease(ttlMs: number): LeaseId {
    this.#changesSinceCheckpoint += 1;
    return String(this.#sql.addLease.run(ttlMs).lastInsertRowid);
  }

  removeLease(leaseId: LeaseId): void {
    this.#changesSinceCheckpoint += 1;
    this.#sql.removeLease.run(Number(leaseId));
  }

  append(record: RevisionRecord): void {
    this.#history.append(record);
    this.#changesSinceCheckpoint += record.changes.length;
    this.#bytesSinceCheckpoint += record.sizeBytes;
  }

  maintenanceDue(): boolean {
    return (
      this.#changesSinceCheckpoint >= checkpointChangesMax ||
      this.#bytesSinceCheckpoint >= checkpointBytesMax
    );
  }

  maintain(): Result<void, BackendFailure> {
    this.#changesSinceCheckpoint = 0;
    this.#bytesSinceCheckpoint = 0;
    // Also when it fails: the next attempt comes after as many changes again.
    try {
      this.#sql.checkpoint.get();
      return ok(undefined);
    } catch (error: unknown) {
      const failure = sqliteFailureOf(error);
      if (failure === undefined) throw error;
      // Without room the log just stays, and is copied later; after any other failure, a sync's above all,
      // nobody knows what is on the disk.
      const kind = isLackOfRoom(failure) ? "refused" : "broken";
      return err({ kind, message: this.#sentence("tidy up", failure) });
    }
  }

  close(): void {
    this.#database.close();
  }

  #tryAtomically(work: () => void): Result<void, BackendFailure> {
    let isCommitting = false;
    try {
      this.#sql.begin.run();
      work();
      isCommitting = true;
      this.#sql.commit.run();
    } catch (error: unknown) {
      return this.#undo(error, isCommitting);
    }
    this.#history.committed();
    return ok(undefined);
  }

  /** After an error: back to how it was before, if that can be had. */
  #undo(error: unknown, wasCommitting: boolean): Result<void, BackendFailure> {
    const isRolledBack = this.#rollBack();
    this.#history.undone();
    const failure = sqliteFailureOf(error);
    if (failure === undefined) throw error;
    const message = this.#sentence("write", failure);
    if (!isRolledBack) return err({ kind: "broken", message });
    if (isLackOfRoom(failure)) return err({ kind: "refused", message });
    // A commit whose sync failed may be found, or not, after a crash.
    return err({ kind: wasCommitting ? "broken" : "unavailable", message });
  }

  /** True: no transaction is open. SQLite ends it by itself after some errors. */
  #rollBack(): boolean {
    if (!this.#database.isTransaction) return true;
    try {
      this.#sql.rollback.run();
      return !this.#database.isTransaction;
    } catch (error: unknown) {
      if (sqliteFailureOf(error) === undefined) throw error;
      return false;
    }
  }

  #sentence(action: string, failure: SqliteFailure): string {
    return `cannot ${action} "${this.#file}": ${failure.message}`;
  }
}
