/**
 * The replicated store: a cluster of etcd, spoken to over gRPC. Transactions, revisions and leases are etcd's own; this
 * adds what the contract asks for beyond them (order, errors told apart, watches and renewals that outlive a member).
 */
import { err, ok, type Result } from "../../core/result.ts";
import type {
  LeaseId,
  RangeOptions,
  RangeRead,
  Store,
  StoreCapabilities,
  StoreError,
  Txn,
  TxnOutcome,
  WatchBatch,
  WatchOptions,
} from "../../ports/store.ts";
import { checkTxn } from "../shared/check-txn.ts";
import { flawOfKey, flawOfPrefix } from "../shared/key.ts";
import { flawOfRange, flawOfTtl, onlyError } from "../shared/requests.ts";
import { closed, leaseNotFound, refused } from "../shared/store-error.ts";
import type { CallOrder } from "./call-order.ts";
import type { Attempts } from "./client/attempts.ts";
import type { Endpoints } from "./client/endpoints.ts";
import { writeErrorOf } from "./client/failure.ts";
import { txn as etcdTxn, leaseGrant, leaseRevoke } from "./client/methods.ts";
import { flawOfUrl } from "./etcd-access.ts";
import { type KeyRead, readRange } from "./etcd-reads.ts";
import { etcdTxnOf, leasesOf } from "./etcd-txn.ts";
import type { GatheredReads } from "./gathered-reads.ts";
import type { KeySpace } from "./key-space.ts";
import { isLeaseId } from "./lease-id.ts";
import type { LeaseDoubt } from "./leases/lease-doubt.ts";
import type { Renewals } from "./leases/renewals.ts";
import type { Room } from "./room.ts";
import type { EtcdWatches } from "./watches/etcd-watches.ts";

/** The store, and what only this one can. */
export interface EtcdStore extends Store {
  leaseEra(): number | undefined;
  leaseEndIsProofAtMs(era: number | undefined, ttlMs: number): number;
  /** Other members to speak to, the local one first; the one that is spoken to stays if it is among them. */
  setEndpoints(urls: readonly string[]): void;
}

export interface EtcdStoreParts {
  readonly endpoints: Endpoints;
  readonly attempts: Attempts;
  readonly keys: KeySpace;
  readonly order: CallOrder;
  readonly reads: GatheredReads;
  readonly room: Room;
  readonly renewals: Renewals;
  readonly watches: EtcdWatches;
  readonly doubt: LeaseDoubt;
}

type Answer<T> = Result<T, StoreError>;

const closedError = closed("the store is closed");

export class ReplicatedStore implements EtcdStore {
  readonly capabilities: StoreCapabilities = { exclusive: false, durable: true };
  readonly #parts: EtcdStoreParts;
  readonly #underWay = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(parts: EtcdStoreParts) {
    this.#parts = parts;
  }

  get(key: string): Promise<Answer<KeyRead>> {
    return this.#do(flawOfKey(key), () => this.#parts.reads.read(key));
  }

  range(prefix: string, options: RangeOptions = {}): Promise<Answer<RangeRead>> {
    const flaw = flawOfPrefix(prefix) ?? flawOfRange(options);
    return this.#do(flaw, () => readRange(this.#parts, prefix, options));
  }

  txn(txn: Txn): Promise<Answer<TxnOutcome>> {
    if (this.#isClosed) return Promise.resolve(err(closedError));
    const checked = checkTxn(txn);
    if (!checked.ok) return Promise.resolve(checked);
    const { keys, attempts, room } = this.#parts;
    const { compare, wanted, otherwise, sizeBytes } = checked.value;
    const leaseIds = leasesOf(checked.value);
    const names = new Set([...compare, ...wanted, ...otherwise].map(({ key }) => `key ${key}`));
    for (const id of leaseIds) names.add(`lease ${id}`);
    const request = etcdTxnOf(checked.value, keys);
    const needsRoom = [...wanted, ...otherwise].some(({ kind }) => kind === "put");
    return this.#write([...names], sizeBytes, async () => {
      const refusal = needsRoom ? await room.refusal() : undefined;
      if (refusal !== undefined) return err(refusal);
      const done = await attempts.once(etcdTxn, request);
      if (!done.ok && done.error.kind === "full") room.noteFull();
      if (!done.ok) return err(writeErrorOf(done.error, leaseIds));
      const { succeeded, header } = done.value;
      return ok({ succeeded, revision: keys.revisionIn(header) });
    });
  }

  watch(prefix: string, options: WatchOptions): AsyncIterable<Answer<WatchBatch>> {
    const flaw = flawOfPrefix(prefix);
    if (flaw !== undefined) return onlyError(refused(flaw));
    return this.#isClosed ? onlyError(closedError) : this.#parts.watches.watch(prefix, options);
  }

  /** etcd counts in seconds and has a least time of its own: the lease lasts at least as long as asked. */
  grantLease(ttlMs: number): Promise<Answer<LeaseId>> {
    const ttlSeconds = Math.ceil(ttlMs / 1_000);
    return this.#do(flawOfTtl(ttlMs), async () => {
      // Granted twice does no harm: the one that nobody knows of runs out, and holds no keys.
      const granted = await this.#parts.attempts.repeatable(leaseGrant, { ttlSeconds });
      if (granted.ok) return ok(granted.value.id);
      const { kind, message } = granted.error;
      return err(kind === "full" ? refused(message) : writeErrorOf(granted.error));
    });
  }

  keepLeaseAlive(leaseId: LeaseId): Promise<Answer<void>> {
    return this.#do(undefined, async () => {
      if (!isLeaseId(leaseId)) return err(leaseNotFound(leaseId));
      return await this.#parts.renewals.renew(leaseId);
    });
  }

  revokeLease(leaseId: LeaseId): Promise<Answer<void>> {
    if (this.#isClosed) return Promise.resolve(err(closedError));
    if (!isLeaseId(leaseId)) return Promise.resolve(ok(undefined));
    return this.#write([`lease ${leaseId}`], 0, async () => {
      // A second time finds none, which is what was wanted.
      const done = await this.#parts.attempts.repeatable(leaseRevoke, { id: leaseId });
      if (done.ok || done.error.kind === "lease-not-found") return ok(undefined);
      return err(writeErrorOf(done.error));
    });
  }

  leaseEra(): number | undefined {
    return this.#parts.doubt.era();
  }

  leaseEndIsProofAtMs(era: number | undefined, ttlMs: number): number {
    return this.#parts.doubt.endIsProofAtMs(era, ttlMs);
  }

  setEndpoints(urls: readonly string[]): void {
    const usable = urls.filter((url) => flawOfUrl(url) === undefined);
    if (usable.length === 0 || this.#isClosed) return;
    this.#parts.endpoints.set(usable);
  }

  async close(): Promise<void> {
    const { attempts, renewals, watches, endpoints } = this.#parts;
    this.#isClosed = true;
    attempts.close();
    watches.close();
    renewals.close();
    // What was asked for before is answered before; each has its own bound.
    await Promise.all(this.#underWay);
    endpoints.close();
  }

  #write<T>(
    names: readonly string[],
    sizeBytes: number,
    run: () => Promise<Answer<T>>,
  ): Promise<Answer<T>> {
    return this.#do(undefined, () => this.#parts.order.do({ names, sizeBytes, run }));
  }

  #do<T>(flaw: string | undefined, run: () => Promise<Answer<T>>): Promise<Answer<T>> {
    if (this.#isClosed) return Promise.resolve(err(closedError));
    if (flaw !== undefined) return Promise.resolve(err(refused(flaw)));
    const answer = run();
    this.#underWay.add(answer);
    return answer.finally(() => this.#underWay.delete(answer));
  }
}
