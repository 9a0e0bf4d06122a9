/**
 * What Holdfast keeps in etcd beside its data: which cluster it is, and what is added to etcd's revisions so that they
 * never go back when the data came from another store or from a backup.
 */
import * as z from "zod";
import { err, ok, type Result } from "../../core/result.ts";
import type { StoreError } from "../../ports/store.ts";
import type { Attempts } from "./client/attempts.ts";
import { readErrorOf, writeErrorOf } from "./client/failure.ts";
import type { EtcdCompare } from "./client/messages.ts";
import { range, txn } from "./client/methods.ts";
import { type EtcdAccess, withAttempts } from "./etcd-access.ts";

const metaKey = Buffer.from("/holdfast/meta");

const metaSchema = z.object({
  schema: z.literal(1),
  /** Made once, when the cluster began; never changes. */
  clusterId: z.string().min(1).max(200),
  /** Added to etcd's revisions. */
  revisionOffset: z.int().min(0),
});

/** See the file. */
export interface StoreMeta {
  readonly schema: 1;
  readonly clusterId: string;
  readonly revisionOffset: number;
}

/** The record with etcd's own revision of it, for compare-and-set. */
export interface StoredMeta {
  readonly meta: StoreMeta;
  readonly etcdRevision: number;
}

/** Reads the record, linearizably; undefined: there is none. */
export function readMeta(access: EtcdAccess): Promise<Result<StoredMeta | undefined, StoreError>> {
  return withAttempts(access, readMetaWith);
}

/**
 * Writes the record if there is none (`replaces: "nothing"`), or if it is still the one that was read. False: it was
 * not, and nothing was written.
 */
export function writeMeta(
  access: EtcdAccess,
  write: { readonly meta: StoreMeta; readonly replaces: StoredMeta | "nothing" },
): Promise<Result<boolean, StoreError>> {
  return withAttempts(access, async (attempts) => {
    const { meta, replaces } = write;
    const compare: EtcdCompare = {
      result: "EQUAL",
      target: "MOD",
      key: metaKey,
      modRevision: replaces === "nothing" ? 0 : replaces.etcdRevision,
    };
    const value = Buffer.from(JSON.stringify(metaSchema.parse(meta)));
    const success = [{ requestPut: { key: metaKey, value, lease: "0" } }];
    const done = await attempts.once(txn, { compare: [compare], success, failure: [] });
    return done.ok ? ok(done.value.succeeded) : err(writeErrorOf(done.error));
  });
}

/** The same as `readMeta` over connections that are there already. */
export async function readMetaWith(
  attempts: Attempts,
): Promise<Result<StoredMeta | undefined, StoreError>> {
  const read = await attempts.repeatable(range, { key: metaKey });
  if (!read.ok) return err(readErrorOf(read.error));
  const [kv] = read.value.kvs;
  if (kv === undefined) return ok(undefined);
  const parsed = parseMeta(kv.value.toString());
  return parsed === undefined
    ? err({ kind: "refused", message: foreign, mayHaveTakenEffect: false })
    : ok({ meta: parsed, etcdRevision: Number(kv.modRevision) });
}

const foreign =
  'key "/holdfast/meta" in etcd is not as this Holdfast writes it: it is of a newer one, or of something else';

function parseMeta(text: string): StoreMeta | undefined {
  try {
    return metaSchema.safeParse(JSON.parse(text)).data;
  } catch (error: unknown) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
