/** Who is manager, as `src/runtime/election.ts` has it: whoever's transaction made the key, as long as it is there. */
import type { LeaseId, StoreRevision, WatchBatch } from "../../ports/store.ts";
import { keys } from "../../wire/records.ts";
import type { LocalTimer, NodeClock } from "../engine/node-clock.ts";
import type { Process } from "../engine/process.ts";
import type { StoreLink } from "../store/store-link.ts";

const retryDelayMs = 500;
/** Three renewals fit into the time to live. */
const renewShare = 0.3;

export interface ElectionOptions {
  readonly link: StoreLink;
  readonly clock: NodeClock;
  readonly process: Process;
  readonly serverId: string;
  readonly ttlMs: number;
  readonly onElected: (createRevision: StoreRevision) => void;
  readonly onLost: (because: string) => void;
}

interface Office {
  readonly leaseId: LeaseId;
  readonly createRevision: StoreRevision;
}

/** One server's candidacy, and its time of office. */
export class Election {
  readonly #options: ElectionOptions;
  readonly #retry: LocalTimer;
  readonly #renew: LocalTimer;
  readonly #expiry: LocalTimer;
  #office: Office | undefined;
  /** The last revision at which the key was seen to be deleted. */
  #goneAt: StoreRevision = 0;
  #waitsForGone = false;
  #ended = false;

  constructor(options: ElectionOptions) {
    this.#options = options;
    const timer = (onDue: () => void): LocalTimer =>
      options.clock.timer(() => options.process.enter(onDue));
    this.#retry = timer(() => this.#stand());
    this.#renew = timer(() => this.#renewOnce());
    this.#expiry = timer(() => this.#lose("no renewal succeeded in time"));
    options.process.onEnd(() => {
      for (const each of [this.#retry, this.#renew, this.#expiry]) each.close();
    });
    this.#stand();
  }

  get isManager(): boolean {
    return this.#office !== undefined;
  }

  /** Takes in what the server hears of the store. */
  onBatch(batch: WatchBatch): void {
    for (const change of batch.changes) {
      if (change.kind !== "delete" || change.key !== keys.manager) continue;
      this.#goneAt = batch.revision;
      const office = this.#office;
      if (office !== undefined && batch.revision > office.createRevision) {
        this.#lose("its election was deleted");
      } else if (this.#waitsForGone) {
        this.#stand();
      }
    }
  }

  /** Ends the candidacy, and steps down first. */
  end(): void {
    this.#ended = true;
    this.#lose("the server is being stopped");
  }

  #stand(): void {
    if (this.#ended || this.#office !== undefined) return;
    this.#waitsForGone = false;
    this.#retry.clear();
    const { link } = this.#options;
    link.get(keys.manager, (read) => {
      if (!read.ok) this.#tryLater();
      else if (read.value === undefined) this.#campaign();
      else if (read.value.modRevision < this.#goneAt) this.#stand();
      else this.#waitsForGone = true;
    });
  }

  #tryLater(): void {
    if (!this.#ended) this.#retry.set(this.#options.clock.nowMs + retryDelayMs);
  }

  #campaign(): void {
    const { link, clock, serverId, ttlMs } = this.#options;
    const sentAtMs = clock.nowMs;
    link.grantLease(ttlMs, (granted) => {
      if (!granted.ok) {
        this.#tryLater();
        return;
      }
      const leaseId = granted.value;
      const value = { version: 1, serverId, electedAtMs: Math.round(clock.nowMs) };
      const txn = {
        compare: [{ kind: "absent", key: keys.manager }],
        then: [{ kind: "put", key: keys.manager, value, leaseId }],
      } as const;
      link.txn(txn, (won) => {
        if (won.ok && won.value.succeeded && !this.#ended) {
          this.#take({ leaseId, createRevision: won.value.revision }, sentAtMs);
          return;
        }
        this.#giveBack(leaseId);
        if (won.ok) this.#stand();
        else this.#tryLater();
      });
    });
  }

  #take(office: Office, sentAtMs: number): void {
    const { clock, ttlMs, onElected } = this.#options;
    if (this.#goneAt > office.createRevision || clock.nowMs >= sentAtMs + ttlMs) {
      this.#giveBack(office.leaseId);
      this.#tryLater();
      return;
    }
    this.#office = office;
    this.#expiry.set(sentAtMs + ttlMs);
    this.#renew.set(clock.nowMs + ttlMs * renewShare);
    onElected(office.createRevision);
  }

  #renewOnce(): void {
    const office = this.#office;
    if (office === undefined) return;
    const { link, clock, ttlMs } = this.#options;
    const sentAtMs = clock.nowMs;
    link.keepLeaseAlive(office.leaseId, (renewed) => {
      if (this.#office !== office) return;
      if (renewed.ok) this.#expiry.set(sentAtMs + ttlMs);
      else if (renewed.error.kind === "lease-not-found") {
        this.#lose(renewed.error.message);
        return;
      }
      this.#renew.set(clock.nowMs + ttlMs * renewShare);
    });
  }

  #lose(because: string): void {
    const office = this.#office;
    if (office === undefined) return;
    this.#office = undefined;
    this.#expiry.clear();
    this.#renew.clear();
    this.#options.onLost(because);
    this.#giveBack(office.leaseId);
    this.#tryLater();
  }

  /** Deletes the key too, so that the next manager need not wait. If it fails, the lease runs out. */
  #giveBack(leaseId: LeaseId): void {
    this.#options.link.revokeLease(leaseId, () => {});
  }
}
