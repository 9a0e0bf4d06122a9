/**
 * Between the store's words and etcd's: keys lie below a prefix, values are JSON, and every revision is etcd's plus an
 * offset, so that revisions never go back when the data came from another store or a backup.
 */
import { err, ok, type Result } from "../../core/result.ts";
import type { StoreChange, StoredEntry, StoreRevision, WatchBatch } from "../../ports/store.ts";
import { decodeValue } from "../shared/value.ts";
import type { KeyValue, ResponseHeader, WatchEvent } from "./client/messages.ts";

export interface KeySpaceOptions {
  /** Begins every key, ends with "/". */
  readonly prefix: string;
  /** Added to etcd's revisions. */
  readonly revisionOffset: number;
}

/** A batch as it came from etcd, with its size. */
export interface SizedBatch {
  readonly batch: WatchBatch;
  readonly sizeBytes: number;
}

export class KeySpace {
  readonly prefix: string;
  readonly #offset: number;
  readonly #prefixBytes: number;

  constructor(options: KeySpaceOptions) {
    this.prefix = options.prefix;
    this.#offset = options.revisionOffset;
    this.#prefixBytes = Buffer.byteLength(options.prefix);
  }

  /** A key as etcd has it. */
  keyOf(key: string): Buffer {
    return Buffer.from(this.prefix + key);
  }

  /** All keys that begin with `prefix`, and come after `afterKey`. */
  rangeOf(prefix: string, afterKey?: string): { readonly key: Buffer; readonly rangeEnd: Buffer } {
    const first = this.keyOf(prefix);
    // The last byte of UTF-8 text is below 0xff, so that one more is still a byte.
    const rangeEnd = Buffer.from(first);
    rangeEnd[rangeEnd.length - 1] = (first.at(-1) ?? 0) + 1;
    if (afterKey === undefined) return { key: first, rangeEnd };
    const next = this.keyOf(`${afterKey}\0`);
    return { key: Buffer.compare(next, first) > 0 ? next : first, rangeEnd };
  }

  /** The revision that an answer shows. */
  revisionIn(header: ResponseHeader | null): StoreRevision {
    return this.fromEtcd(header?.revision);
  }

  /** etcd's revision as the store's. */
  fromEtcd(revision: string | undefined): StoreRevision {
    return Number(revision ?? 0) + this.#offset;
  }

  /** The store's revision as etcd's; below 1 for one of the time before this etcd. */
  toEtcd(revision: StoreRevision): number {
    return revision - this.#offset;
  }

  /** An entry; the error says which key is not one of Holdfast's. */
  entryOf(kv: KeyValue): Result<StoredEntry, string> {
    const key = this.#nameOf(kv);
    const value = jsonOf(kv);
    if (value === undefined) return err(foreignValue(key));
    return ok({
      key,
      value: value.json,
      createRevision: this.fromEtcd(kv.createRevision),
      modRevision: this.fromEtcd(kv.modRevision),
      leaseId: kv.lease === "0" ? undefined : kv.lease,
    });
  }

  /**
   * The batches of one watch answer from a revision on, one a revision. `history-lost`: what a deleted key held is no
   * longer kept, so the history that the watch needs was compacted under it.
   */
  batchesOf(
    events: readonly WatchEvent[],
    fromRevision: StoreRevision,
  ): Result<readonly SizedBatch[], string> {
    const batches = new Map<StoreRevision, { changes: StoreChange[]; sizeBytes: number }>();
    for (const event of events) {
      const { kv, prevKv } = event;
      const revision = this.fromEtcd(kv?.modRevision);
      if (kv === null || revision < fromRevision) continue;
      const change = event.type === "PUT" ? this.#putOf(kv) : this.#deleteOf(kv, prevKv);
      if (!change.ok) return change;
      const batch = batches.get(revision) ?? { changes: [], sizeBytes: 0 };
      batch.changes.push(change.value);
      batch.sizeBytes += kv.key.length + kv.value.length + (prevKv?.value.length ?? 0);
      batches.set(revision, batch);
    }
    return ok(
      [...batches].map(([revision, { changes, sizeBytes }]) => {
        return { batch: { revision, changes }, sizeBytes };
      }),
    );
  }

  #putOf(kv: KeyValue): Result<StoreChange, string> {
    const entry = this.entryOf(kv);
    return entry.ok ? ok({ kind: "put", entry: entry.value }) : entry;
  }

  #deleteOf(kv: KeyValue, prevKv: KeyValue | null): Result<StoreChange, string> {
    if (prevKv === null) return err(historyLost);
    const key = this.#nameOf(kv);
    const previous = jsonOf(prevKv);
    if (previous === undefined) return err(foreignValue(key));
    return ok({ kind: "delete", key, previous: previous.json });
  }

  #nameOf(kv: KeyValue): string {
    return kv.key.toString("utf8", this.#prefixBytes);
  }
}

/** See `batchesOf`. */
export const historyLost = "history-lost";

function jsonOf(kv: KeyValue): { readonly json: StoredEntry["value"] } | undefined {
  try {
    return { json: decodeValue(kv.value.toString()) };
  } catch (error: unknown) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function foreignValue(key: string): string {
  return `key "${key}" in etcd does not hold JSON: something else than Holdfast wrote it`;
}
