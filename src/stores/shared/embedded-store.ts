/**
 * The store contract on top of a backend: what the memory and the SQLite store have in common. Reads see
 * committed data only; writes go through one queue, so every read and write has its place in one order.
 */
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type {
  LeaseId,
  RangeOptions,
  RangeRead,
  Store,
  StoreCapabilities,
  StoredEntry,
  StoreError,
  StoreRevision,
  Txn,
  TxnOutcome,
  WatchBatch,
  WatchOptions,
} from "../../ports/store.ts";
import { applyLeaseEnd, applyTxn } from "./apply-txn.ts";
import { checkTxn } from "./check-txn.ts";
import { Expiry } from "./expiry.ts";
import { compareKeys, flawOfKey, flawOfPrefix, type KeyRange, rangeOfPrefix } from "./key.ts";
import { LeaseBook } from "./lease-book.ts";
import { leasesMax } from "./limits.ts";
import { flawOfRange, flawOfTtl, onlyError } from "./requests.ts";
import type { BackendFailure, StoreBackend } from "./store-backend.ts";
import { closed, leaseNotFound, refused } from "./store-error.ts";
import { WatchHub } from "./watch-hub.ts";
import { WriteQueue } from "./write-queue.ts";

export interface EmbeddedStoreOptions {
  readonly backend: StoreBackend;
  readonly clock: Clock;
  /** Runs a function after the current turn of the event loop, or at once. */
  readonly schedule: (run: () => void) => void;
}

type Answer<T> = Result<T, StoreError>;

export class EmbeddedStore implements Store {
  readonly capabilities: StoreCapabilities;
  readonly #backend: StoreBackend;
  readonly #queue: WriteQueue;
  readonly #leases: LeaseBook;
  readonly #expiry: Expiry;
  readonly #hub: WatchHub;
  /** Ended in the transaction that is being staged. */
  readonly #endedInGroup = new Set<LeaseId>();
  #committedRevision: StoreRevision;
  #closedBecause: StoreError | undefined;
  #isBackendClosed = false;

  /** Takes over the backend; every lease in it gets its full time. */
  constructor(options: EmbeddedStoreOptions) {
    const { backend, clock, schedule } = options;
    this.capabilities = backend.capabilities;
    this.#backend = backend;
    this.#committedRevision = backend.revision();
    this.#hub = new WatchHub({
      revision: () => this.#committedRevision,
      history: (request) => this.#reading(() => backend.history(request)),
    });
    this.#queue = new WriteQueue({
      backend,
      schedule,
      onStaging: () => this.#endedInGroup.clear(),
      onCommitted: () => this.#onCommitted(),
      onBroken: (failure) => this.#failStop(failure),
    });
    this.#expiry = new Expiry({ clock, endLease: (id, settled) => this.#endLease(id, settled) });
    this.#leases = new LeaseBook({ clock, onExpired: (leaseId) => this.#expiry.end(leaseId) });
    for (const lease of backend.leases()) this.#leases.add(lease.leaseId, lease.ttlMs);
  }

  get(
    key: string,
  ): Promise<
    Answer<{ readonly entry: StoredEntry | undefined; readonly revision: StoreRevision }>
  > {
    const flaw = flawOfKey(key);
    if (flaw !== undefined) return Promise.resolve(err(refused(flaw)));
    return Promise.resolve(
      this.#reading(() => ({
        entry: this.#backend.entry(key),
        revision: this.#committedRevision,
      })),
    );
  }

  range(prefix: string, options: RangeOptions = {}): Promise<Answer<RangeRead>> {
    const flaw = flawOfPrefix(prefix) ?? flawOfRange(options);
    if (flaw !== undefined) return Promise.resolve(err(refused(flaw)));
    const range = rangeAfter(rangeOfPrefix(prefix), options.afterKey);
    const limit = options.limit ?? Number.MAX_SAFE_INTEGER - 1;
    return Promise.resolve(
      this.#reading(() => {
        // One more than asked for tells whether there are more.
        const found = this.#backend.scan(range, limit + 1);
        const more = found.length > limit;
        const entries = more ? found.slice(0, limit) : found;
        return { entries, revision: this.#committedRevision, more };
      }),
    );
  }

  txn(txn: Txn): Promise<Answer<TxnOutcome>> {
    const checked = checkTxn(txn);
    if (!checked.ok) return Promise.resolve(checked);
    return this.#write(checked.value.sizeBytes, () => {
      const outcome = applyTxn(this.#backend, checked.value, (id) => this.#isAlive(id));
      return () => outcome;
    });
  }

  watch(prefix: string, options: WatchOptions): AsyncIterable<Answer<WatchBatch>> {
    const flaw = flawOfPrefix(prefix);
    return flaw === undefined ? this.#hub.watch(prefix, options) : onlyError(refused(flaw));
  }

  grantLease(ttlMs: number): Promise<Answer<LeaseId>> {
    const flaw = flawOfTtl(ttlMs);
    if (flaw !== undefined) return Promise.resolve(err(refused(flaw)));
    if (this.#leases.count >= leasesMax) {
      return Promise.resolve(err(refused(`there are ${leasesMax} leases already`)));
    }
    return this.#write(0, () => {
      const leaseId = this.#backend.addLease(ttlMs);
      return () => {
        this.#leases.add(leaseId, ttlMs);
        return ok(leaseId);
      };
    });
  }

  keepLeaseAlive(leaseId: LeaseId): Promise<Answer<void>> {
    if (this.#closedBecause !== undefined) return Promise.resolve(err(this.#closedBecause));
    const renewed = this.#leases.renew(leaseId);
    return Promise.resolve(renewed ? ok(undefined) : err(leaseNotFound(leaseId)));
  }

  revokeLease(leaseId: LeaseId): Promise<Answer<void>> {
    if (this.#closedBecause !== undefined) return Promise.resolve(err(this.#closedBecause));
    const { promise, resolve } = Promise.withResolvers<Answer<void>>();
    this.#endLease(leaseId, (error) => resolve(error === undefined ? ok(undefined) : err(error)));
    return promise;
  }

  close(): Promise<void> {
    if (this.#isBackendClosed) return Promise.resolve();
    this.#isBackendClosed = true;
    // What was asked for before is done before, unless the store has failed.
    if (this.#closedBecause === undefined) this.#queue.flush();
    this.#stop(closed("the store is closed"));
    this.#backend.close();
    return Promise.resolve();
  }

  #isAlive(leaseId: LeaseId): boolean {
    return this.#leases.isAlive(leaseId) && !this.#endedInGroup.has(leaseId);
  }

  /** Queues `stage`; what it returns answers once the commit is durable. */
  #write<T>(sizeBytes: number, stage: () => () => Answer<T>): Promise<Answer<T>> {
    if (this.#closedBecause !== undefined) return Promise.resolve(err(this.#closedBecause));
    const { promise, resolve } = Promise.withResolvers<Answer<T>>();
    this.#queue.push({
      sizeBytes,
      stage: () => {
        const answer = stage();
        return () => resolve(answer());
      },
      fail: (error) => resolve(err(error)),
    });
    return promise;
  }

  #endLease(leaseId: LeaseId, settled: (error: StoreError | undefined) => void): void {
    if (!this.#leases.has(leaseId)) {
      settled(undefined);
      return;
    }
    this.#queue.push({
      sizeBytes: 0,
      stage: () => {
        const isFirst = this.#leases.has(leaseId) && !this.#endedInGroup.has(leaseId);
        if (isFirst) applyLeaseEnd(this.#backend, leaseId);
        this.#endedInGroup.add(leaseId);
        return () => {
          this.#leases.remove(leaseId);
          settled(undefined);
        };
      },
      fail: settled,
    });
  }

  #onCommitted(): void {
    this.#committedRevision = this.#backend.revision();
    this.#hub.moved();
  }

  #reading<T>(work: () => T): Answer<T> {
    if (this.#closedBecause !== undefined) return err(this.#closedBecause);
    const read = this.#backend.reading(work);
    if (read.ok) return read;
    return err({ kind: "unavailable", message: read.error.message, mayHaveTakenEffect: false });
  }

  /** After a write of unknown outcome nothing more is read, written or renewed: the process must restart. */
  #failStop(failure: BackendFailure): void {
    this.#stop(closed(`the store has closed itself: ${failure.message}`));
  }

  #stop(because: StoreError): void {
    this.#closedBecause ??= because;
    this.#expiry.close();
    this.#leases.close();
    this.#queue.stop();
    this.#hub.end(this.#closedBecause);
  }
}

/** The part of the range after `key`; the key itself with a zero character is the next possible key. */
function rangeAfter(range: KeyRange, key: string | undefined): KeyRange {
  if (key === undefined) return range;
  const next = `${key}\0`;
  return compareKeys(next, range.from) > 0 ? { from: next, before: range.before } : range;
}
