/** One linearizable store in memory, with leases on the world's clock and a history that watches are fed from. */
import { assertNever } from "../../core/assert.ts";
import { compareIds } from "../../core/ids.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type {
  Compare,
  LeaseId,
  Operation,
  StoreChange,
  StoredEntry,
  StoreError,
  StoreRevision,
  Txn,
  TxnOutcome,
  WatchBatch,
} from "../../ports/store.ts";
import type { Schedule } from "../engine/schedule.ts";
import { Timer } from "../engine/timer.ts";

interface Lease {
  readonly ttlMs: number;
  readonly keys: Set<string>;
  readonly timer: Timer;
}

/** One revision with what made it; `txn` is undefined when a lease has ended. */
export interface Commit extends WatchBatch {
  readonly txn: Txn | undefined;
}

/** Batches that are kept for watches that lag behind; a slower one has to read anew. */
const historyMax = 20_000;

/** The store itself: what it is asked takes effect at once, who may ask when is not its matter. */
export class SimulatedStore {
  readonly #schedule: Schedule;
  readonly #entries = new Map<string, StoredEntry>();
  readonly #leases = new Map<LeaseId, Lease>();
  readonly #listeners: (() => void)[] = [];
  readonly #witnesses: ((commit: Commit) => void)[] = [];
  #history: WatchBatch[] = [];
  #revision: StoreRevision = 0;
  #leaseCount = 0;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  get revision(): StoreRevision {
    return this.#revision;
  }

  /** Calls back after every change. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Calls back with every change and what made it, before anybody else hears of it. */
  onCommit(witness: (commit: Commit) => void): void {
    this.#witnesses.push(witness);
  }

  get(key: string): StoredEntry | undefined {
    return this.#entries.get(key);
  }

  /** Entries below the prefix in order of their keys. */
  range(prefix: string): readonly StoredEntry[] {
    const found: StoredEntry[] = [];
    for (const entry of this.#entries.values()) {
      if (entry.key.startsWith(prefix)) found.push(entry);
    }
    return found.sort((left, right) => compareIds(left.key, right.key));
  }

  /** The last key below the prefix. */
  lastKey(prefix: string): string | undefined {
    let last: string | undefined;
    for (const key of this.#entries.keys()) {
      if (key.startsWith(prefix) && (last === undefined || key > last)) last = key;
    }
    return last;
  }

  /** The changes after a revision; undefined: they are no longer kept. */
  changesAfter(revision: StoreRevision): readonly WatchBatch[] | undefined {
    const missing = this.#revision - revision;
    if (missing > this.#history.length) return undefined;
    return this.#history.slice(this.#history.length - missing);
  }

  /** When the lease ends unless it is renewed; undefined: it has ended. */
  leaseEndsAt(leaseId: LeaseId): number | undefined {
    return this.#leases.get(leaseId)?.timer.atMs;
  }

  txn(txn: Txn): Result<TxnOutcome, StoreError> {
    const succeeded = txn.compare.every((compare) => this.#holds(compare));
    const operations = succeeded ? txn.then : (txn.otherwise ?? []);
    for (const operation of operations) {
      if (operation.kind !== "put" || operation.leaseId === undefined) continue;
      if (!this.#leases.has(operation.leaseId)) return err(leaseNotFound(operation.leaseId));
    }
    const revision = this.#revision + 1;
    const changes: StoreChange[] = [];
    for (const operation of operations) this.#apply(operation, revision, changes);
    this.#append(changes, txn);
    return ok({ succeeded, revision: this.#revision });
  }

  grantLease(ttlMs: number): LeaseId {
    this.#leaseCount += 1;
    const leaseId = String(this.#leaseCount);
    const timer = new Timer(this.#schedule, () => this.#endLease(leaseId));
    this.#leases.set(leaseId, { ttlMs, keys: new Set(), timer });
    timer.set(this.#schedule.nowMs + ttlMs);
    return leaseId;
  }

  keepLeaseAlive(leaseId: LeaseId): Result<void, StoreError> {
    const lease = this.#leases.get(leaseId);
    if (lease === undefined) return err(leaseNotFound(leaseId));
    lease.timer.set(this.#schedule.nowMs + lease.ttlMs);
    return ok(undefined);
  }

  /** Ends the lease and deletes its keys; one that is not there is a success. */
  revokeLease(leaseId: LeaseId): void {
    this.#endLease(leaseId);
  }

  #endLease(leaseId: LeaseId): void {
    const lease = this.#leases.get(leaseId);
    if (lease === undefined) return;
    lease.timer.clear();
    this.#leases.delete(leaseId);
    const changes: StoreChange[] = [];
    for (const key of [...lease.keys].sort(compareIds)) this.#remove(key, changes);
    this.#append(changes, undefined);
  }

  #holds(compare: Compare): boolean {
    const entry = this.#entries.get(compare.key);
    switch (compare.kind) {
      case "absent":
        return entry === undefined;
      case "present":
        return entry !== undefined;
      case "created-at":
        return entry?.createRevision === compare.revision;
      case "modified-at":
        return entry?.modRevision === compare.revision;
      default:
        return assertNever(compare);
    }
  }

  #apply(operation: Operation, revision: StoreRevision, changes: StoreChange[]): void {
    if (operation.kind === "delete") {
      this.#remove(operation.key, changes);
      return;
    }
    const { key, value, leaseId } = operation;
    const before = this.#entries.get(key);
    if (before?.leaseId !== undefined) this.#leases.get(before.leaseId)?.keys.delete(key);
    if (leaseId !== undefined) this.#leases.get(leaseId)?.keys.add(key);
    const createRevision = before?.createRevision ?? revision;
    const entry = { key, value, createRevision, modRevision: revision, leaseId };
    this.#entries.set(key, entry);
    changes.push({ kind: "put", entry });
  }

  #remove(key: string, changes: StoreChange[]): void {
    const before = this.#entries.get(key);
    if (before === undefined) return;
    if (before.leaseId !== undefined) this.#leases.get(before.leaseId)?.keys.delete(key);
    this.#entries.delete(key);
    changes.push({ kind: "delete", key, previous: before.value });
  }

  #append(changes: readonly StoreChange[], txn: Txn | undefined): void {
    if (changes.length === 0) return;
    this.#revision += 1;
    for (const witness of this.#witnesses) witness({ revision: this.#revision, changes, txn });
    this.#history.push({ revision: this.#revision, changes });
    if (this.#history.length > historyMax * 2) this.#history = this.#history.slice(-historyMax);
    for (const listener of this.#listeners) listener();
  }
}

function leaseNotFound(leaseId: LeaseId): StoreError {
  return {
    kind: "lease-not-found",
    message: `lease ${leaseId} is over`,
    mayHaveTakenEffect: false,
  };
}
