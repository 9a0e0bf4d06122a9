/**
 * Whether the end of a lease can be believed.
 *
 * A leader of etcd 3.4 that was frozen goes on, when it wakes up, as if it were leader still: it ends leases whose
 * renewals it has missed, its successor carries that out, and leases that were renewed a moment ago are gone
 * (etcd-io/etcd issue 15247). It knows only of leases that were granted before its successor was elected. So a lease
 * belongs to an era, the term in which it was granted, and whoever renews one of an earlier era replaces it instead:
 * then the end of a lease of the present era is proof, and one of an earlier era was renewed for the last time before
 * the next term began, however long the frozen leader sleeps (S3, S4).
 */
import type { Clock } from "../../../ports/clock.ts";

/** Terms that are remembered; an older one counts as if it had ended later than it did. */
const termsMax = 64;

interface SeenTerm {
  readonly term: number;
  readonly firstSeenAtMs: number;
}

export class LeaseDoubt {
  readonly #clock: Clock;
  /** Ascending. */
  #seen: readonly SeenTerm[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes in the term of an answer; to be called before what the answer says is told to anybody. */
  note(raftTerm: number): void {
    if (raftTerm <= (this.era() ?? 0)) return;
    const firstSeenAtMs = this.#clock.monotonicMs();
    this.#seen = [...this.#seen, { term: raftTerm, firstSeenAtMs }].slice(-termsMax);
  }

  /** The present one, as far as it is known; a lease that is granted afterwards is of this era or of a later one. */
  era(): number | undefined {
    return this.#seen.at(-1)?.term;
  }

  /** See the port: `Store.leaseEndIsProofAtMs`. */
  endIsProofAtMs(era: number | undefined, ttlMs: number): number {
    const present = this.#seen.at(-1);
    if (present !== undefined && present.term === era) return 0;
    const next = era === undefined ? present : this.#seen.find(({ term }) => term > era);
    return (next?.firstSeenAtMs ?? this.#clock.monotonicMs()) + ttlMs;
  }
}
