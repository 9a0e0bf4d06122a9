/**
 * What an embedded store needs of the place where it keeps its data: a synchronous map with transactions,
 * leases and a history of changes. All rules of the store contract live above it, in `EmbeddedStore`.
 */
import type { Result } from "../../core/result.ts";
import type {
  LeaseId,
  StoreCapabilities,
  StoreChange,
  StoredEntry,
  StoreRevision,
  WatchBatch,
} from "../../ports/store.ts";
import type { KeyRange } from "./key.ts";

/**
 * Why the backend did not do something. `refused`: no room; all is as before. `unavailable`: it failed before
 * the commit, all is as before. `broken`: the outcome is unknown; nothing may be written any more.
 */
export interface BackendFailure {
  readonly kind: "refused" | "unavailable" | "broken";
  /** One sentence for a person. */
  readonly message: string;
}

/** One change with the JSON text of its value (put) or previous value (delete). */
export interface StagedChange {
  readonly change: StoreChange;
  readonly text: string;
}

/** All changes of one revision, as the history keeps them. */
export interface RevisionRecord {
  readonly revision: StoreRevision;
  readonly changes: readonly StagedChange[];
  /** Bytes of all keys and texts. */
  readonly sizeBytes: number;
}

export interface KeyRevisions {
  readonly createRevision: StoreRevision;
  readonly modRevision: StoreRevision;
}

export interface HistoryRequest {
  readonly prefix: string;
  /** Only revisions after this one. */
  readonly afterRevision: StoreRevision;
}

/** A piece of history: the batches below the prefix up to `throughRevision`, to which it is complete. */
export interface HistoryPiece {
  readonly batches: readonly WatchBatch[];
  readonly throughRevision: StoreRevision;
}

export interface StoredLease {
  readonly leaseId: LeaseId;
  readonly ttlMs: number;
}

/** Methods that write are called inside `atomically` only. */
export interface StoreBackend {
  readonly capabilities: StoreCapabilities;
  /**
   * Runs `work` as one durable transaction: on return all of it is kept, or (see the failure) none of it. May
   * run it again after undoing it.
   */
  atomically(work: () => void): Result<void, BackendFailure>;
  /** Runs `work`, which only reads. */
  reading<T>(work: () => T): Result<T, BackendFailure>;

  /** The last committed or staged revision; 0 in a new store. */
  revision(): StoreRevision;
  entry(key: string): StoredEntry | undefined;
  revisionsOf(key: string): KeyRevisions | undefined;
  /** Entries of the range in the order of their keys, at most `limit`. */
  scan(range: KeyRange, limit: number): readonly StoredEntry[];
  /** Keys that are attached to the lease, in order. */
  keysOfLease(leaseId: LeaseId): readonly string[];
  leases(): readonly StoredLease[];
  /** `compacted`: changes after `afterRevision` are missing. The piece may end before the last revision. */
  history(request: HistoryRequest): HistoryPiece | "compacted";

  put(entry: StoredEntry, text: string): void;
  remove(key: string): void;
  /** A new lease, with an id that never was before. */
  addLease(ttlMs: number): LeaseId;
  removeLease(leaseId: LeaseId): void;
  /** Adds the next revision to the history, and drops what is too old. */
  append(record: RevisionRecord): void;

  /** There is something to tidy up that should not delay an answer. */
  maintenanceDue(): boolean;
  maintain(): Result<void, BackendFailure>;
  close(): void;
}

/** The key that a change is about. */
export function keyOfChange(change: StoreChange): string {
  return change.kind === "put" ? change.entry.key : change.key;
}
