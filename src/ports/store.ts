/**
 * The linearizable key-value store behind all servers. `test/contract/store.ts` is this contract as tests; every
 * adapter passes it. Values are JSON; one revision counts the transactions of the whole store.
 */
import type { Result } from "../core/result.ts";

/** What can be stored: plain JSON. Values are never changed after they were handed over, by either side. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** Counts the transactions of the whole store that changed something, from 1. */
export type StoreRevision = number;
/** A lease's identity: a decimal number as text (etcd's are 64 bits wide). Never reused. */
export type LeaseId = string;

/** One key as it is stored. */
export interface StoredEntry {
  readonly key: string;
  readonly value: JsonValue;
  /** Revision that created the key; a key that was deleted and made again has a new one. */
  readonly createRevision: StoreRevision;
  /** Revision of the last put. */
  readonly modRevision: StoreRevision;
  /** The lease that the key dies with. */
  readonly leaseId: LeaseId | undefined;
}

/** A fact that a transaction depends on. */
export type Compare =
  | { readonly kind: "absent"; readonly key: string }
  | { readonly kind: "present"; readonly key: string }
  | { readonly kind: "created-at"; readonly key: string; readonly revision: StoreRevision }
  | { readonly kind: "modified-at"; readonly key: string; readonly revision: StoreRevision };

/** One write of a transaction. Deleting a key that is not there changes nothing. */
export type Operation =
  | {
      readonly kind: "put";
      readonly key: string;
      readonly value: JsonValue;
      readonly leaseId?: LeaseId | undefined;
    }
  | { readonly kind: "delete"; readonly key: string };

/** Writes that are done all together or not at all. */
export interface Txn {
  /** All must hold for `then` to be done, else `otherwise` is done. Empty: they hold. */
  readonly compare: readonly Compare[];
  readonly then: readonly Operation[];
  readonly otherwise?: readonly Operation[] | undefined;
}

/** What became of a transaction that was carried out. */
export interface TxnOutcome {
  readonly succeeded: boolean;
  /** The revision after it. A transaction that changed nothing takes no revision of its own. */
  readonly revision: StoreRevision;
}

/** Entries in order of their keys' UTF-8 bytes, all as of one revision. */
export interface RangeRead {
  readonly entries: readonly StoredEntry[];
  /** The revision that the read shows; a watch from `revision` + 1 misses nothing and repeats nothing. */
  readonly revision: StoreRevision;
  /** More entries follow after the last one. */
  readonly more: boolean;
}

/** Which part of a range is wanted. */
export interface RangeOptions {
  /** At most so many entries; default: all. */
  readonly limit?: number;
  /** Only keys after this one, in order of their UTF-8 bytes. */
  readonly afterKey?: string;
}

/** What one revision did to one key. Whether a key was deleted or died with its lease is not told. */
export type StoreChange =
  | { readonly kind: "put"; readonly entry: StoredEntry }
  | {
      readonly kind: "delete";
      readonly key: string;
      /** What the key held before. */
      readonly previous: JsonValue;
    };

/** All changes of one revision below the watched prefix, never part of them. */
export interface WatchBatch {
  readonly revision: StoreRevision;
  readonly changes: readonly StoreChange[];
}

/**
 * Why the store did not do what was asked. `mayHaveTakenEffect`: the outcome is unknown, treat it as neither.
 * `compacted`: the changes since the asked revision are no longer kept: read anew. `refused`: the store cannot
 * write now (disk full, no quorum); nothing happened. `lease-not-found`: it expired, was revoked, or never was.
 */
export interface StoreError {
  readonly kind: "unavailable" | "refused" | "compacted" | "lease-not-found" | "closed";
  /** One sentence for a person. */
  readonly message: string;
  readonly mayHaveTakenEffect: boolean;
}

/** From where to watch, and until when. */
export interface WatchOptions {
  /** The first revision wanted: history is replayed, then changes follow as they happen. */
  readonly fromRevision: StoreRevision;
  /** Ends the watch; the iterator then returns. */
  readonly signal: AbortSignal;
}

/** What differs between adapters, so that nobody asks which one it is. */
export interface StoreCapabilities {
  /** Opened by this process alone: who opened it may take over an election at once. */
  readonly exclusive: boolean;
  /** Survives the end of the process. */
  readonly durable: boolean;
}

/** The store itself. Methods never reject for what the world does; they return it. */
export interface Store {
  readonly capabilities: StoreCapabilities;
  /** Linearizable read of one key, with the revision that it shows. */
  get(
    key: string,
  ): Promise<
    Result<
      { readonly entry: StoredEntry | undefined; readonly revision: StoreRevision },
      StoreError
    >
  >;
  /** Linearizable read of all keys that begin with `prefix`, in order of their UTF-8 bytes. */
  range(prefix: string, options?: RangeOptions): Promise<Result<RangeRead, StoreError>>;
  /**
   * Atomic and durable before it is acknowledged (S6). A key may be named by one operation only. A put with
   * `leaseId` attaches the key to that lease (`lease-not-found` if there is none), without it detaches it.
   */
  txn(txn: Txn): Promise<Result<TxnOutcome, StoreError>>;
  /**
   * Changes below `prefix`, one batch a revision, in order, without gap. Yields an error once and ends when it
   * cannot go on; a reader that falls behind by more than the store's history gets `compacted`.
   */
  watch(prefix: string, options: WatchOptions): AsyncIterable<Result<WatchBatch, StoreError>>;
  /** A durable new lease. After a restart of an embedded store it has its full time again. */
  grantLease(ttlMs: number): Promise<Result<LeaseId, StoreError>>;
  /** Starts the lease's time anew. Not written to the log. `lease-not-found`: it is over, for good. */
  keepLeaseAlive(leaseId: LeaseId): Promise<Result<void, StoreError>>;
  /** Ends the lease and deletes its keys in one revision. A lease that is not there is a success. */
  revokeLease(leaseId: LeaseId): Promise<Result<void, StoreError>>;
  /**
   * The era of leases that are granted from now on, where the store has eras. A lease of an earlier one may end too
   * early: whoever renews it replaces it by one of the present era before the renewal is acknowledged (S3).
   */
  leaseEra?(): number | undefined;
  /**
   * From when on, on the monotonic clock, the end of a lease of that era (undefined: of any) proves that no renewal of it
   * was acknowledged for `ttlMs`, as everybody who renews does what `leaseEra` asks for. 0, or no such method: always.
   */
  leaseEndIsProofAtMs?(era: number | undefined, ttlMs: number): number;
  /** Ends all watches, finishes what was acknowledged, lets go of the lock. Idempotent. */
  close(): Promise<void>;
}
