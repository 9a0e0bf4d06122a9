/**
 * What entries were before a migration changed them. They are kept in the store itself, each written in the transaction
 * that changes its entry, so that whichever server comes next can take the migration back.
 */
import { err, ok, type Result } from "../../core/result.ts";
import type { Operation, Store, StoredEntry, StoreError } from "../../ports/store.ts";
import {
  type BeforeImageRecord,
  beforeImageRecordSchema,
} from "../../wire/control-plane/store-schema.ts";
import { keys } from "../../wire/records.ts";
import { jsonOf, readRecord } from "../manager-records.ts";
import { readStoredSchema, schemaCompare } from "./stored-schema.ts";

/** One of them. */
export interface BeforeImage {
  /** Of the entry that it is the image of. */
  readonly key: string;
  readonly record: BeforeImageRecord;
  /** Of the image itself, and with it of the change. */
  readonly imageKey: string;
  readonly revision: number;
}

/** Well below what every store takes in one transaction. */
const pageEntriesMax = 200;

/** Keeps an entry that becomes these keys. */
export function beforeImageOf(entry: StoredEntry, becomes: readonly string[]): Operation {
  const { key, value, leaseId } = entry;
  const leased = leaseId === undefined ? {} : { leased: true };
  const record = jsonOf({ version: 1, value, becomes, ...leased });
  return { kind: "put", key: `${keys.migrationBefore}${key}`, value: record };
}

/** The first ones that are left; empty: there are none. */
export async function firstBeforeImages(
  store: Pick<Store, "range">,
  afterKey?: string,
): Promise<Result<readonly BeforeImage[], StoreError>> {
  const options = { limit: pageEntriesMax, ...(afterKey === undefined ? {} : { afterKey }) };
  const read = await store.range(keys.migrationBefore, options);
  if (!read.ok) return read;
  const images = read.value.entries.map(({ key: imageKey, value, modRevision: revision }) => ({
    key: imageKey.slice(keys.migrationBefore.length),
    record: readRecord(beforeImageRecordSchema, imageKey, value),
    imageKey,
    revision,
  }));
  return ok(images);
}

/** There is no way back any more: first the schema's record says so, then they go. It can be done again. */
export async function forgetBeforeImages(
  store: Pick<Store, "get" | "range" | "txn">,
  signal: AbortSignal,
): Promise<Result<void, string>> {
  const noted = await noteNoWayBack(store);
  if (!noted.ok) return noted;
  while (!signal.aborted) {
    const read = await store.range(keys.migrationBefore, { limit: pageEntriesMax });
    if (!read.ok) return err(read.error.message);
    const { entries } = read.value;
    if (entries.length === 0) return ok(undefined);
    const deleted = await store.txn({
      compare: [],
      then: entries.map(({ key }) => ({ kind: "delete", key })),
    });
    if (!deleted.ok) return err(deleted.error.message);
  }
  return err("it was interrupted");
}

async function noteNoWayBack(store: Pick<Store, "get" | "txn">): Promise<Result<void, string>> {
  const read = await readStoredSchema(store);
  if (!read.ok) return err(read.error.message);
  const { record } = read.value;
  if (record?.before === undefined) return ok(undefined);
  const { before: _, ...rest } = record;
  const written = await store.txn({
    compare: [schemaCompare(read.value)],
    then: [{ kind: "put", key: keys.schema, value: jsonOf(rest) }],
  });
  if (!written.ok) return err(written.error.message);
  return written.value.succeeded ? ok(undefined) : err("the store's schema has changed meanwhile");
}
