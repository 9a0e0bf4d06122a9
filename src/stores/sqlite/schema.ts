/** The tables of the embedded store's file, by version. A version, once released, never changes. */

/** Marks the file as Holdfast's ("Hold" in ASCII), as `file` and SQLite show it. */
export const applicationId = 0x486f6c64;

/** `migrations[n]` brings a file from version n to n + 1; a new file has version 0. */
export const migrations: readonly string[] = [
  `
  -- compacted_revision: the last one whose changes are no longer kept.
  CREATE TABLE meta (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    revision INTEGER NOT NULL,
    compacted_revision INTEGER NOT NULL
  ) STRICT;
  INSERT INTO meta VALUES (1, 0, 0);
  CREATE TABLE entry (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    create_revision INTEGER NOT NULL,
    mod_revision INTEGER NOT NULL,
    lease_id INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX entry_of_lease ON entry (lease_id) WHERE lease_id IS NOT NULL;
  -- AUTOINCREMENT: an id is never used twice.
  CREATE TABLE lease (id INTEGER PRIMARY KEY AUTOINCREMENT, ttl_ms REAL NOT NULL) STRICT;
  -- because: NULL for a put, else why the key was deleted; value is then what it held before.
  CREATE TABLE change (
    revision INTEGER NOT NULL,
    position INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    because TEXT CHECK (because IN ('deleted', 'lease-ended')),
    create_revision INTEGER,
    lease_id INTEGER,
    PRIMARY KEY (revision, position)
  ) STRICT, WITHOUT ROWID;
  `,
];

/** The version that this Holdfast writes. */
export const schemaVersion: number = migrations.length;
