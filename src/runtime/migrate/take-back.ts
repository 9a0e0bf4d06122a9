/**
 * Takes a migration back, or what was done of one: every entry that it changed becomes what it was, by the images that
 * were kept with the changes. Done by a program that writes the earlier schema, so that it can say that it reads all of
 * it; in transactions of bounded size, each of which names what it found, so that it can be killed and carried on.
 */
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Compare, Operation, Store, StoredEntry, StoreError, Txn } from "../../ports/store.ts";
import type { SchemaRecord } from "../../wire/control-plane/store-schema.ts";
import { keys } from "../../wire/records.ts";
import { jsonOf } from "../manager-records.ts";
import { aliveServersOfOtherVersions } from "./alive-servers.ts";
import { type BeforeImage, firstBeforeImages } from "./before-images.ts";
import { type Part, partOf, untilOver } from "./part.ts";
import type { EntryCheck } from "./rehearse.ts";
import {
  readMigration,
  readStoredSchema,
  type SchemaReading,
  schemaCompare,
} from "./stored-schema.ts";
import { findConflict, removeAdded } from "./taken-since.ts";
import { verifyMigrated } from "./verify.ts";

export interface TakeBackOptions {
  readonly clock: Clock;
  /** Of this program. */
  readonly version: string;
  /** Of the server that does it; undefined: it has none. */
  readonly serverId?: string | undefined;
  /** The schema that the store had; this program writes it, or both if the migration was a rolling one. */
  readonly to: number;
  /** Programs of both schemas understand both: servers go on meanwhile. Default: no. */
  readonly rolling?: boolean | undefined;
  /** What this program says of an entry. */
  readonly check: EntryCheck;
  /** Ends it at the next transaction; it can be carried on later. */
  readonly signal: AbortSignal;
}

export interface TakeBackReport {
  /** Entries that became what they were. */
  readonly restoredCount: number;
  /** Entries that were added since in the new schema's shape, and are gone. */
  readonly removedCount: number;
}

/** Well below what every store takes in one transaction. */
const operationsMax = 600;

/** The error is one line: the store is then as it was found, or on its way and to be carried on. */
export async function takeMigrationBack(
  store: Store,
  options: TakeBackOptions,
): Promise<Result<TakeBackReport, string>> {
  const counts = { restoredCount: 0, removedCount: 0 };
  const over = await untilOver(() => workOn(store, options, counts), options);
  return over.ok ? ok(counts) : over;
}

type Counts = { -readonly [Name in keyof TakeBackReport]: number };

async function workOn(
  store: Store,
  options: TakeBackOptions,
  counts: Counts,
): Promise<Part<"more" | "over">> {
  const read = await readStoredSchema(store);
  if (!read.ok) return again(read.error);
  const { to } = options;
  const { schema, migratingTo } = read.value.stored;
  // Nobody is locked out of a store of this schema: what was begun here was a rolling migration.
  const isOpen = schema === to && migratingTo === undefined;
  if (options.rolling === true || isOpen) {
    return await workRolling(store, options, { reading: read.value, counts });
  }
  if (migratingTo !== to) return await begin(store, options, read.value);
  const restored = await restoreSome(store, counts, "restored");
  if (restored !== undefined) return restored;
  return await finish(store, options, { reading: read.value, counts });
}

/** What becomes of an entry that was changed after the migration had changed it. */
type ChangedSince = "restored" | "kept";

/** Undefined: there is nothing left to restore. */
async function restoreSome(
  store: Store,
  counts: Counts,
  changedSince: ChangedSince,
): Promise<Part<"more"> | undefined> {
  const images = await firstBeforeImages(store);
  if (!images.ok) return again(images.error);
  if (images.value.length === 0) return undefined;
  const some = fitting(images.value);
  const restored = await restore(store, some, changedSince);
  if (restored.kind !== "done") return restored;
  counts.restoredCount += restored.value;
  return { kind: "done", value: "more" };
}

/** As many of the first ones as go into one transaction. */
function fitting(images: readonly BeforeImage[]): readonly BeforeImage[] {
  let count = 0;
  const end = images.findIndex(({ record }) => {
    count += record.becomes.length + 2;
    return count > operationsMax;
  });
  return end < 0 ? images : images.slice(0, Math.max(1, end));
}

/**
 * Servers of both versions write meanwhile, and nobody is locked out. What they have written since stays: both understand
 * it, it was acknowledged, and an older word about a status or an epoch could have something run twice (S1, S4).
 */
async function workRolling(
  store: Store,
  { to, version, clock }: TakeBackOptions,
  { reading, counts }: { readonly reading: SchemaReading; readonly counts: Counts },
): Promise<Part<"more" | "over">> {
  const { record } = reading;
  const begun = await readMigration(store);
  if (!begun.ok) return again(begun.error);
  if (begun.value === undefined && record?.before === undefined && reading.stored.schema === to) {
    return { kind: "done", value: "over" };
  }
  const before = await beforeOf(store, reading);
  if (!before.ok) return before.error;
  const base = { version: 1, byVersion: version, migratedAtMs: clock.wallMs() } as const;
  if (begun.value !== undefined) {
    const halfway: SchemaRecord = { ...base, schema: reading.stored.schema, before: before.value };
    return partOf(await store.txn(schemaWrite(reading, halfway, [keys.migration])), "more");
  }
  const restored = await restoreSome(store, counts, "kept");
  if (restored !== undefined) return restored;
  return partOf(await store.txn(schemaWrite(reading, { ...base, schema: to })), "over");
}

function schemaWrite(
  reading: SchemaReading,
  record: SchemaRecord,
  deleted: readonly string[] = [],
): Txn {
  return {
    compare: [schemaCompare(reading)],
    then: [
      { kind: "put", key: keys.schema, value: jsonOf(record) },
      ...deleted.map((key) => ({ kind: "delete" as const, key })),
    ],
  };
}

/** From its write on no server of the newer schema can write any more, whatever it believes. */
async function begin(
  store: Store,
  options: TakeBackOptions,
  reading: SchemaReading,
): Promise<Part<"more" | "over">> {
  const { to, version, serverId, clock, signal } = options;
  const { schema, migratingTo } = reading.stored;
  const newer = Math.max(schema, migratingTo ?? schema);
  if (newer < to) return { kind: "failed", because: `the store has schema ${schema}, not ${to}` };
  if (!store.capabilities.exclusive) {
    const others = await aliveServersOfOtherVersions(store, { version, serverId });
    if (!others.ok) return { kind: "again", because: others.error };
    const inTheWay = others.value.join("; ");
    if (inTheWay !== "") return { kind: "failed", because: `${inTheWay}: stop it first` };
  }
  const before = await beforeOf(store, reading);
  if (!before.ok) return before.error;
  const conflict = await findConflict(store, signal);
  if (!conflict.ok) return { kind: "again", because: conflict.error };
  if (conflict.value !== undefined) return { kind: "failed", because: conflict.value };
  const record: SchemaRecord = {
    ...{ version: 1, schema: newer, byVersion: reading.stored.byVersion, migratingTo: to },
    before: before.value,
    migratedAtMs: reading.record?.migratedAtMs ?? clock.wallMs(),
  };
  return partOf(await store.txn(schemaWrite(reading, record, [keys.migration])), "more");
}

/** Where the way back begins; without images nothing of before is known. */
async function beforeOf(
  store: Store,
  { record }: SchemaReading,
): Promise<Result<NonNullable<SchemaRecord["before"]>, Part<never>>> {
  if (record?.before !== undefined) return ok(record.before);
  const begun = await readMigration(store);
  if (!begun.ok) return err(again(begun.error));
  const { value } = begun;
  if (value?.record.keepsBefore === true) {
    return ok({ schema: value.record.from, revision: value.begunAtRevision });
  }
  const because = "nothing was kept of what the store held before; restore a backup";
  return err({ kind: "failed", because });
}

/** The images go with what they bring back: those that are left are still to be done. */
async function restore(
  store: Store,
  images: readonly BeforeImage[],
  changedSince: ChangedSince,
): Promise<Part<number>> {
  const untouched = await restoreUntouched(store, images);
  return untouched ?? (await restoreEach(store, images, changedSince));
}

/** Where nothing has changed since, which the store itself compares; undefined: something has, or hangs on a lease. */
async function restoreUntouched(
  store: Store,
  images: readonly BeforeImage[],
): Promise<Part<number> | undefined> {
  if (images.some(({ record }) => record.leased === true)) return undefined;
  const compare = new Map<string, Compare>();
  const operations = new Map<string, Operation>();
  for (const { key, record, imageKey, revision } of images) {
    for (const name of [imageKey, ...record.becomes]) {
      compare.set(name, { kind: "modified-at", key: name, revision });
      if (name !== key) operations.set(name, { kind: "delete", key: name });
    }
    if (!record.becomes.includes(key)) compare.set(key, { kind: "absent", key });
    operations.set(key, { kind: "put", key, value: record.value });
  }
  const txn = { compare: [...compare.values()], then: [...operations.values()] };
  const written = await store.txn(txn);
  if (!written.ok) return again(written.error);
  return written.value.succeeded ? { kind: "done", value: images.length } : undefined;
}

/** Looks at each entry as it is now; the answer is how many became what they were. */
async function restoreEach(
  store: Store,
  images: readonly BeforeImage[],
  changedSince: ChangedSince,
): Promise<Part<number>> {
  const compare: Compare[] = [];
  const operations: Operation[] = [];
  let count = 0;
  for (const image of images) {
    const { key, record, imageKey, revision } = image;
    const read = await entriesOf(store, [...new Set([key, ...record.becomes])]);
    if (!read.ok) return again(read.error);
    compare.push({ kind: "modified-at", key: imageKey, revision });
    operations.push({ kind: "delete", key: imageKey });
    if (changedSince === "kept" && wasChanged(image, read.value)) continue;
    count += 1;
    let leaseId: string | undefined;
    for (const [name, entry] of read.value) {
      if (entry === undefined) {
        compare.push({ kind: "absent", key: name });
        continue;
      }
      leaseId ??= entry.leaseId;
      compare.push({ kind: "modified-at", key: name, revision: entry.modRevision });
      if (name !== key) operations.push({ kind: "delete", key: name });
    }
    const isOver = record.leased === true && leaseId === undefined;
    if (!isOver) operations.push({ kind: "put", key, value: record.value, leaseId });
  }
  return partOf(await store.txn({ compare, then: operations }), count);
}

/** Whether anything but the migration has touched what it made of the entry, or made the entry anew. */
function wasChanged(
  { key, record, revision }: BeforeImage,
  now: ReadonlyMap<string, StoredEntry | undefined>,
): boolean {
  const isBack = !record.becomes.includes(key) && now.get(key) !== undefined;
  return isBack || record.becomes.some((name) => now.get(name)?.modRevision !== revision);
}

async function entriesOf(
  store: Pick<Store, "get">,
  names: readonly string[],
): Promise<Result<ReadonlyMap<string, StoredEntry | undefined>, StoreError>> {
  const found = new Map<string, StoredEntry | undefined>();
  for (const name of names) {
    const read = await store.get(name);
    if (!read.ok) return read;
    found.set(name, read.value.entry);
  }
  return ok(found);
}

/** What cannot be read was added in the new shape; the store has the schema of before from the last write on. */
async function finish(
  store: Store,
  options: TakeBackOptions,
  { reading, counts }: { readonly reading: SchemaReading; readonly counts: Counts },
): Promise<Part<"over">> {
  const { to, version, clock } = options;
  const removed = await removeAdded(store, { ...options, before: reading.record?.before });
  if (removed.kind !== "done") return removed;
  counts.removedCount += removed.value;
  const verified = await verifyMigrated(store, { ...options, keptCount: undefined });
  if (verified.kind !== "done") return verified;
  const record: SchemaRecord = {
    ...{ version: 1, schema: to, migratedAtMs: clock.wallMs(), byVersion: version },
  };
  return partOf(await store.txn(schemaWrite(reading, record)), "over");
}

function again({ message }: StoreError): { readonly kind: "again"; readonly because: string } {
  return { kind: "again", because: message };
}
