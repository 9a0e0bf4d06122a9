/**
 * Proves that a member's answer was given under a leader that a quorum still followed afterwards (S3).
 *
 * A leader that was cut off or frozen may answer a keep-alive although another leader, who knows nothing of it, is
 * about to end the lease. So a keep-alive counts only after a linearizable read that was begun on the same member after
 * the keep-alive's answer, and that shows the same raft term: etcd fills in the term before it renews and, in a read,
 * after a quorum has confirmed the leader. A later leader was then elected after the renewal, and a new leader gives
 * every lease its full time anew. One read proves all answers that came before it was begun.
 */
import type { Clock } from "../../../ports/clock.ts";
import { readAttemptMs } from "../client/client-limits.ts";
import type { Connection } from "../client/connection.ts";
import { linearizableRead } from "../client/linearizable-read.ts";
import type { ResponseHeader } from "../client/messages.ts";

/** `stale`: the leader of that answer may have been deposed; ask again. Else why nothing could be proved. */
export type Proof = "proved" | "stale" | { readonly failed: string };

interface Waiting {
  readonly header: ResponseHeader;
  readonly resolve: (proof: Proof) => void;
}

/** Answers that come within so short a time share a read; so reads cost the same however many leases there are. */
const gatherMs = 10;

export class TermProof {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #patienceMs: () => number;
  #waiting: Waiting[] = [];
  #isRunning = false;

  /** `patienceMs`: how long an answer may take while every member is slow. */
  constructor(connection: Connection, clock: Clock, patienceMs: () => number) {
    this.#connection = connection;
    this.#clock = clock;
    this.#patienceMs = patienceMs;
  }

  /** Proves the answer with this header, which has come already. */
  prove(header: ResponseHeader): Promise<Proof> {
    const { promise, resolve } = Promise.withResolvers<Proof>();
    this.#waiting.push({ header, resolve });
    if (!this.#isRunning) void this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const limitMs = Math.max(readAttemptMs, this.#patienceMs());
      const read = await linearizableRead(this.#connection, limitMs);
      for (const { header, resolve } of batch) {
        if (!read.ok) resolve({ failed: read.error.details });
        else resolve(isSameTerm(header, read.value.header) ? "proved" : "stale");
      }
      await new Promise<void>((rested) => {
        this.#clock.after(gatherMs, rested);
      });
    }
    this.#isRunning = false;
  }
}

/** An address may stand for several members; a proof is one member's. */
function isSameTerm(answer: ResponseHeader, read: ResponseHeader | null): boolean {
  return answer.raftTerm === read?.raftTerm && answer.memberId === read.memberId;
}
