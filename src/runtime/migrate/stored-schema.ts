/** Reads which schema a store has, and notes it in a store that does not say so yet. */
import { firstSchema } from "../../core/migrations/create-migrations.ts";
import type { Migrations } from "../../core/migrations/migration.ts";
import type { StoredSchema } from "../../core/migrations/plan.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Compare, Store, StoreError, StoreRevision } from "../../ports/store.ts";
import {
  type MigrationRecord,
  migrationRecordSchema,
  type SchemaRecord,
  schemaRecordSchema,
} from "../../wire/control-plane/store-schema.ts";
import { keys } from "../../wire/records.ts";
import { jsonOf, readRecord } from "../manager-records.ts";

/** The program that asks. */
export interface SchemaProgram {
  readonly migrations: Migrations;
  readonly version: string;
}

/** What the store says of itself. */
export interface SchemaReading {
  readonly stored: StoredSchema;
  /** Undefined: the store does not say it. */
  readonly record: SchemaRecord | undefined;
  /** Of the record; undefined: there is none. */
  readonly revision: StoreRevision | undefined;
}

/** Of a store that says nothing: it was written before there were schema versions. */
const unnoted: StoredSchema = { schema: firstSchema, byVersion: "0.1.0" };

/** Reads it. */
export async function readStoredSchema(
  store: Pick<Store, "get">,
): Promise<Result<SchemaReading, StoreError>> {
  const read = await store.get(keys.schema);
  if (!read.ok) return read;
  const { entry } = read.value;
  if (entry === undefined) return ok({ stored: unnoted, record: undefined, revision: undefined });
  const record = readRecord(schemaRecordSchema, entry.key, entry.value);
  return ok({ stored: record, record, revision: entry.modRevision });
}

/** That the schema's record is still the one that was read. */
export function schemaCompare({ revision }: Pick<SchemaReading, "revision">): Compare {
  return revision === undefined
    ? { kind: "absent", key: keys.schema }
    : { kind: "modified-at", key: keys.schema, revision };
}

/** The store's schema; one that does not say it gets the record: this program's if it is empty, else the first. */
export async function noteSchema(
  store: Pick<Store, "get" | "range" | "txn">,
  { migrations, version }: SchemaProgram,
  nowMs: number,
): Promise<Result<SchemaReading, StoreError>> {
  const read = await readStoredSchema(store);
  if (!read.ok || read.value.record !== undefined) return read;
  const any = await store.range("", { limit: 1 });
  if (!any.ok) return any;
  const schema = any.value.entries.length === 0 ? migrations.schema : firstSchema;
  const byVersion = schema === migrations.schema ? version : unnoted.byVersion;
  const record: SchemaRecord = { version: 1, schema, migratedAtMs: nowMs, byVersion };
  const written = await store.txn({
    compare: [{ kind: "absent", key: keys.schema }],
    then: [{ kind: "put", key: keys.schema, value: jsonOf(record) }],
  });
  // Whether this write or that of another server was the first: what is there now counts.
  return written.ok ? await readStoredSchema(store) : err(written.error);
}

/** A migration that has begun and is not over. */
export interface MigrationReading {
  readonly record: MigrationRecord;
  /** What was written later is of the new schema already. */
  readonly begunAtRevision: StoreRevision;
  readonly revision: StoreRevision;
}

/** Reads how far it is; undefined: none is under way. */
export async function readMigration(
  store: Pick<Store, "get">,
): Promise<Result<MigrationReading | undefined, StoreError>> {
  const read = await store.get(keys.migration);
  if (!read.ok) return read;
  const { entry } = read.value;
  if (entry === undefined) return ok(undefined);
  const record = readRecord(migrationRecordSchema, entry.key, entry.value);
  return ok({ record, begunAtRevision: entry.createRevision, revision: entry.modRevision });
}
