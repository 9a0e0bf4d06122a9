/** The SQL that the embedded store runs all the time, prepared once. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

export interface Statements {
  readonly begin: StatementSync;
  readonly commit: StatementSync;
  readonly rollback: StatementSync;
  readonly meta: StatementSync;
  readonly setMeta: StatementSync;
  readonly entry: StatementSync;
  readonly revisionsOf: StatementSync;
  readonly scan: StatementSync;
  readonly scanToEnd: StatementSync;
  readonly keysOfLease: StatementSync;
  readonly put: StatementSync;
  readonly remove: StatementSync;
  readonly leases: StatementSync;
  readonly addLease: StatementSync;
  readonly removeLease: StatementSync;
  readonly addChange: StatementSync;
  readonly changes: StatementSync;
  readonly changeSizes: StatementSync;
  readonly dropChanges: StatementSync;
  readonly checkpoint: StatementSync;
}

const entryColumns = "key, value, create_revision, mod_revision, lease_id";
const changeSize = "octet_length(key) + octet_length(value)";

/** Prepares all of them. */
export function prepareStatements(database: DatabaseSync): Statements {
  const sql = (text: string): StatementSync => database.prepare(text);
  return {
    begin: sql("BEGIN IMMEDIATE"),
    commit: sql("COMMIT"),
    rollback: sql("ROLLBACK"),
    meta: sql(
      `SELECT revision, compacted_revision,
        (SELECT COALESCE(SUM(${changeSize}), 0) FROM change) AS history_bytes FROM meta`,
    ),
    setMeta: sql("UPDATE meta SET revision = ?, compacted_revision = ?"),
    entry: sql(`SELECT ${entryColumns} FROM entry WHERE key = ?`),
    revisionsOf: sql("SELECT create_revision, mod_revision FROM entry WHERE key = ?"),
    scan: sql(`SELECT ${entryColumns} FROM entry WHERE key >= ? AND key < ? ORDER BY key LIMIT ?`),
    scanToEnd: sql(`SELECT ${entryColumns} FROM entry WHERE key >= ? ORDER BY key LIMIT ?`),
    keysOfLease: sql("SELECT key FROM entry WHERE lease_id = ? ORDER BY key"),
    put: sql(`INSERT OR REPLACE INTO entry (${entryColumns}) VALUES (?, ?, ?, ?, ?)`),
    remove: sql("DELETE FROM entry WHERE key = ?"),
    leases: sql("SELECT id, ttl_ms FROM lease ORDER BY id"),
    addLease: sql("INSERT INTO lease (ttl_ms) VALUES (?)"),
    removeLease: sql("DELETE FROM lease WHERE id = ?"),
    addChange: sql(
      `INSERT INTO change (revision, position, key, value, because, create_revision, lease_id)
        VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ),
    changes: sql(
      `SELECT revision, key, value, because, create_revision, lease_id FROM change
        WHERE revision > ? AND revision <= ? ORDER BY revision, position`,
    ),
    changeSizes: sql(
      `SELECT revision, SUM(${changeSize}) AS size_bytes FROM change
        GROUP BY revision ORDER BY revision`,
    ),
    dropChanges: sql("DELETE FROM change WHERE revision <= ?"),
    checkpoint: sql("PRAGMA wal_checkpoint(PASSIVE)"),
  };
}
