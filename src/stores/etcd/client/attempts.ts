/**
 * Tries a call on one member after the other. Reads are tried again after any failure; writes only when they were
 * certainly not done, so that nothing is done twice.
 */
import { err, type Result } from "../../../core/result.ts";
import type { Clock } from "../../../ports/clock.ts";
import {
  attemptMsMin,
  callsAtOnceMax,
  overallMs,
  readAttemptMs,
  retryPauseMs,
  writeAttemptMs,
} from "./client-limits.ts";
import type { Endpoints } from "./endpoints.ts";
import { type Verdict, verdictOf } from "./failure.ts";
import type { Method } from "./methods.ts";
import { Turns } from "./turns.ts";

export interface AttemptsOptions {
  readonly endpoints: Endpoints;
  readonly clock: Clock;
  /** Called with the term of each answer, before the answer is handed over. */
  readonly onTerm?: ((raftTerm: number) => void) | undefined;
}

export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #turns = new Turns(callsAtOnceMax);
  #isClosed = false;

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  /** Lets attempts that are under way end, and begins no more. */
  close(): void {
    this.#isClosed = true;
  }

  /** A call that may be repeated: it changes nothing, or doing it twice does no harm. */
  repeatable<Q, A extends object>(method: Method<Q, A>, request: Q): Promise<Result<A, Verdict>> {
    return this.#run(method, request, "repeatable");
  }

  /** A call that must not be done twice. */
  once<Q, A extends object>(method: Method<Q, A>, request: Q): Promise<Result<A, Verdict>> {
    return this.#run(method, request, "once");
  }

  async #run<Q, A extends object>(
    method: Method<Q, A>,
    request: Q,
    how: "repeatable" | "once",
  ): Promise<Result<A, Verdict>> {
    const { endpoints, clock } = this.#options;
    const giveUpAtMs = clock.monotonicMs() + overallMs;
    const usualMs = how === "once" ? writeAttemptMs : readAttemptMs;
    const onRetire = how === "repeatable" ? "cancel" : "wait";
    for (;;) {
      const obstacle = await endpoints.usable(giveUpAtMs - clock.monotonicMs());
      if (obstacle !== undefined) return err({ kind: "not-done", message: obstacle });
      await this.#turns.take();
      const connection = endpoints.current();
      const attemptMs = Math.max(usualMs, endpoints.patienceMs);
      const timeoutMs = Math.min(attemptMs, giveUpAtMs - clock.monotonicMs());
      // Too little time to tell a slow member from a dead one: it has waited for its turn for too long.
      const isTooLate = timeoutMs < attemptMsMin;
      const answer = isTooLate
        ? undefined
        : await connection.call(method, request, { timeoutMs, onRetire });
      this.#turns.giveBack();
      if (answer === undefined) return err(tooManyCalls);
      if (answer.ok) {
        const term = termIn(answer.value);
        if (term !== undefined) this.#options.onTerm?.(term);
        return answer;
      }
      const verdict = verdictOf(answer.error);
      if (isFinal(verdict)) return err(verdict);
      endpoints.failed(connection, verdict.message);
      const mayGoOn = verdict.kind === "not-done" || how === "repeatable";
      const leftMs = giveUpAtMs - clock.monotonicMs() - retryPauseMs;
      if (!mayGoOn || leftMs < attemptMsMin || this.#isClosed) return err(verdict);
      await pause(clock, retryPauseMs);
    }
  }
}

const tooManyCalls: Verdict = { kind: "not-done", message: "too many calls wait for etcd" };

/** Of the member that answered; answers of which only the success counts are decoded without it. */
function termIn(answer: object): number | undefined {
  const header: unknown = "header" in answer ? answer.header : undefined;
  const isHeader = typeof header === "object" && header !== null && "raftTerm" in header;
  return isHeader ? Number(header.raftTerm) : undefined;
}

/** The next member would say the same. */
function isFinal({ kind }: Verdict): boolean {
  return kind !== "not-done" && kind !== "unknown";
}

/** Waits. */
export function pause(clock: Clock, spanMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(spanMs, resolve);
  });
}
