/**
 * Brings a store to another schema, once, in transactions of bounded size. Each is conditional on the entries that it
 * changes and on how far the migration has come, and writes the latter: killed at any point it is carried on from there,
 * by whichever server comes next, and two that do it at once do each part once.
 */
import type { MigrationPlan } from "../../core/migrations/plan.ts";
import type { Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Store } from "../../ports/store.ts";
import type { MigrationRecord, SchemaRecord } from "../../wire/control-plane/store-schema.ts";
import { keys } from "../../wire/records.ts";
import { jsonOf } from "../manager-records.ts";
import { aliveServersOfOtherVersions } from "./alive-servers.ts";
import { forgetBeforeImages } from "./before-images.ts";
import { migrateNext } from "./migrate-next.ts";
import { type Part, partOf, untilOver } from "./part.ts";
import { type EntryCheck, rehearseMigration } from "./rehearse.ts";
import {
  type MigrationReading,
  readMigration,
  readStoredSchema,
  type SchemaReading,
  schemaCompare,
} from "./stored-schema.ts";
import { verifyMigrated } from "./verify.ts";

export interface MigrationProgress {
  /** `rehearse`: in memory only. */
  readonly step: "rehearse" | "migrate" | "verify";
  /** Entries of this step so far. */
  readonly doneCount: number;
}

export interface MigrateOptions {
  readonly clock: Clock;
  /** Of this program. */
  readonly version: string;
  /** Of the server that does it; undefined: it has none. */
  readonly serverId?: string | undefined;
  /** What this program says of an entry as it will be. */
  readonly check: EntryCheck;
  /** What each entry was is kept beside it, so that the migration can be taken back; default: it is not. */
  readonly keepsBefore?: boolean | undefined;
  readonly onProgress?: ((progress: MigrationProgress) => void) | undefined;
  /** Ends it at the next transaction; it can be carried on later. */
  readonly signal: AbortSignal;
}

export interface MigrationReport {
  readonly from: number;
  readonly to: number;
  /** Entries that were looked at, and of them those that were changed; 0: there was nothing to do. */
  readonly doneCount: number;
  readonly changedCount: number;
}

/**
 * Migrates, or carries on what was begun. Servers of other versions must be gone. The error is one line; the store is
 * then at the old schema, or on its way and to be carried on: never half-way without saying so.
 */
export async function migrateStore(
  store: Store,
  plan: MigrationPlan,
  options: MigrateOptions,
): Promise<Result<MigrationReport, string>> {
  return await untilOver(() => workOn(store, plan, options), options);
}

/** One transaction of it; the report, once all is over. */
async function workOn(
  store: Store,
  plan: MigrationPlan,
  options: MigrateOptions,
): Promise<Part<MigrationReport | "more">> {
  const schema = await readStoredSchema(store);
  if (!schema.ok) return { kind: "again", because: schema.error.message };
  const begun = await readMigration(store);
  if (!begun.ok) return { kind: "again", because: begun.error.message };
  const { from, to } = plan;
  const { stored } = schema.value;
  if (begun.value === undefined) {
    if (stored.schema === to) {
      return { kind: "done", value: { from, to, doneCount: 0, changedCount: 0 } };
    }
    if (stored.schema !== from) {
      return { kind: "failed", because: `the store has schema ${stored.schema}, not ${from}` };
    }
    return await begin(store, plan, { options, schema: schema.value });
  }
  const { record } = begun.value;
  if (record.from !== from || record.to !== to) {
    const because = `holdfast ${record.byVersion} has begun to bring the store from schema ${record.from} to ${record.to}; carry that on with it, or restore a backup`;
    return { kind: "failed", because };
  }
  const next = await migrateNext(store, plan, begun.value);
  options.onProgress?.({ step: "migrate", doneCount: record.doneCount });
  if (next.kind !== "done") return next;
  if (next.value === "more") return { kind: "done", value: "more" };
  return await finish(store, plan, { options, schema: schema.value, begun: begun.value });
}

/** From its write on no server of another schema can write any more, whatever it believes. */
async function begin(
  store: Store,
  plan: MigrationPlan,
  { options, schema }: { readonly options: MigrateOptions; readonly schema: SchemaReading },
): Promise<Part<"more">> {
  const { version, clock, onProgress } = options;
  if (!store.capabilities.exclusive) {
    const others = await aliveServersOfOtherVersions(store, {
      version,
      serverId: options.serverId,
    });
    if (!others.ok) return { kind: "again", because: others.error };
    const inTheWay = others.value.join("; ");
    if (inTheWay !== "") return { kind: "failed", because: `${inTheWay}: stop it first` };
  }
  // What an earlier one has kept belongs to another time.
  const cleared = await forgetBeforeImages(store, options.signal);
  if (!cleared.ok) return { kind: "again", because: cleared.error };
  const rehearsed = await rehearseMigration(store, plan, {
    ...options,
    onProgress: (doneCount) => onProgress?.({ step: "rehearse", doneCount }),
  });
  if (!rehearsed.ok) {
    return { kind: "failed", because: `it cannot be migrated, and was not: ${rehearsed.error}` };
  }
  const startedAtMs = clock.wallMs();
  const counts = { doneCount: 0, changedCount: 0, keptCount: 0 };
  const { from, to } = plan;
  const record: MigrationRecord = {
    ...{ version: 1, from, to, byVersion: version, startedAtMs },
    ...(options.keepsBefore === true ? { keepsBefore: true } : {}),
    ...counts,
  };
  const waiting: SchemaRecord = {
    version: 1,
    schema: from,
    migratedAtMs: schema.record?.migratedAtMs ?? startedAtMs,
    byVersion: version,
    migratingTo: to,
  };
  const written = await store.txn({
    compare: [schemaCompare(schema), { kind: "absent", key: keys.migration }],
    then: [
      { kind: "put", key: keys.migration, value: jsonOf(record) },
      ...(plan.rolling ? [] : [{ kind: "put" as const, key: keys.schema, value: jsonOf(waiting) }]),
    ],
  });
  return partOf(written, "more");
}

interface Finishing {
  readonly options: MigrateOptions;
  readonly schema: SchemaReading;
  readonly begun: MigrationReading;
}

/** The store has the new schema from the one write on that ends the migration. */
async function finish(
  store: Store,
  plan: MigrationPlan,
  { options, schema, begun }: Finishing,
): Promise<Part<MigrationReport>> {
  const { onProgress, version, clock } = options;
  const { record } = begun;
  const { from, to, rolling } = plan;
  const verified = await verifyMigrated(store, {
    ...options,
    keptCount: rolling ? undefined : record.keptCount,
    onProgress: (doneCount) => onProgress?.({ step: "verify", doneCount }),
  });
  if (verified.kind !== "done") return verified;
  const before = { before: { schema: from, revision: begun.begunAtRevision } };
  const made: SchemaRecord = {
    ...{ version: 1, schema: to, migratedAtMs: clock.wallMs(), byVersion: version },
    ...(record.keepsBefore === true ? before : {}),
  };
  const written = await store.txn({
    compare: [
      schemaCompare(schema),
      { kind: "modified-at", key: keys.migration, revision: begun.revision },
    ],
    then: [
      { kind: "put", key: keys.schema, value: jsonOf(made) },
      { kind: "delete", key: keys.migration },
    ],
  });
  const { doneCount, changedCount } = record;
  return partOf(written, { from, to, doneCount, changedCount });
}
