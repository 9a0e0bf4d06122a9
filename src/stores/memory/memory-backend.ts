/** A store's data in this process's memory: a map, its keys in order, and the last revisions. */
import { ok, type Result } from "../../core/result.ts";
import type { LeaseId, StoreCapabilities, StoredEntry, StoreRevision } from "../../ports/store.ts";
import { compareKeys, type KeyRange } from "../shared/key.ts";
import { RevisionWindow } from "../shared/revision-window.ts";
import type {
  BackendFailure,
  HistoryPiece,
  HistoryRequest,
  KeyRevisions,
  RevisionRecord,
  StoreBackend,
  StoredLease,
} from "../shared/store-backend.ts";
import { SortedKeys } from "./sorted-keys.ts";

export interface MemoryBackendOptions {
  readonly historyRevisionsMax: number;
  readonly historyBytesMax: number;
}

export class MemoryBackend implements StoreBackend {
  readonly capabilities: StoreCapabilities = { exclusive: false, durable: false };
  readonly #entries = new Map<string, StoredEntry>();
  readonly #sortedKeys = new SortedKeys();
  readonly #leases = new Map<LeaseId, { readonly ttlMs: number; readonly keys: Set<string> }>();
  readonly #history: RevisionWindow;
  #revision: StoreRevision = 0;
  #lastLeaseNumber = 0;

  constructor(options: MemoryBackendOptions) {
    this.#history = new RevisionWindow({
      afterRevision: 0,
      revisionsMax: options.historyRevisionsMax,
      bytesMax: options.historyBytesMax,
    });
  }

  /** Memory does not fail: what was checked beforehand is done. */
  atomically(work: () => void): Result<void, BackendFailure> {
    work();
    return ok(undefined);
  }

  reading<T>(work: () => T): Result<T, BackendFailure> {
    return ok(work());
  }

  revision(): StoreRevision {
    return this.#revision;
  }

  entry(key: string): StoredEntry | undefined {
    return this.#entries.get(key);
  }

  revisionsOf(key: string): KeyRevisions | undefined {
    return this.#entries.get(key);
  }

  scan(range: KeyRange, limit: number): readonly StoredEntry[] {
    const found: StoredEntry[] = [];
    for (const key of this.#sortedKeys.from(range.from)) {
      if (found.length >= limit) break;
      if (range.before !== undefined && compareKeys(key, range.before) >= 0) break;
      const entry = this.#entries.get(key);
      if (entry !== undefined) found.push(entry);
    }
    return found;
  }

  keysOfLease(leaseId: LeaseId): readonly string[] {
    return [...(this.#leases.get(leaseId)?.keys ?? [])].sort(compareKeys);
  }

  leases(): readonly StoredLease[] {
    return [...this.#leases].map(([leaseId, { ttlMs }]) => ({ leaseId, ttlMs }));
  }

  history(request: HistoryRequest): HistoryPiece | "compacted" {
    return this.#history.read(request);
  }

  put(entry: StoredEntry): void {
    const previous = this.#entries.get(entry.key);
    if (previous === undefined) this.#sortedKeys.add(entry.key);
    this.#detach(previous);
    this.#entries.set(entry.key, Object.freeze(entry));
    if (entry.leaseId !== undefined) this.#leases.get(entry.leaseId)?.keys.add(entry.key);
  }

  remove(key: string): void {
    this.#detach(this.#entries.get(key));
    if (this.#entries.delete(key)) this.#sortedKeys.remove(key);
  }

  addLease(ttlMs: number): LeaseId {
    this.#lastLeaseNumber += 1;
    const leaseId = String(this.#lastLeaseNumber);
    this.#leases.set(leaseId, { ttlMs, keys: new Set() });
    return leaseId;
  }

  removeLease(leaseId: LeaseId): void {
    this.#leases.delete(leaseId);
  }

  append(record: RevisionRecord): void {
    this.#history.push(record);
    this.#revision = record.revision;
  }

  maintenanceDue(): boolean {
    return false;
  }

  maintain(): Result<void, BackendFailure> {
    return ok(undefined);
  }

  close(): void {
    this.#entries.clear();
    this.#sortedKeys.clear();
  }

  #detach(entry: StoredEntry | undefined): void {
    if (entry?.leaseId !== undefined) this.#leases.get(entry.leaseId)?.keys.delete(entry.key);
  }
}
