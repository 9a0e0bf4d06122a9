/**
 * Calls that concern the same key or lease are sent one after the other, in the order in which they came; etcd itself
 * would carry them out in any order. Others go side by side.
 */
import { err, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { StoreError } from "../../ports/store.ts";
import { queuedBytesMax, queuedWritesMax } from "../shared/limits.ts";
import { refused } from "../shared/store-error.ts";
import { overallMs } from "./client/client-limits.ts";

export interface OrderedCall<T> {
  /** What it concerns. */
  readonly names: readonly string[];
  readonly sizeBytes: number;
  readonly run: () => Promise<Result<T, StoreError>>;
}

export class CallOrder {
  readonly #clock: Clock;
  /** By name, the end of the last call that concerns it. */
  readonly #ends = new Map<string, Promise<void>>();
  #count = 0;
  #sizeBytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs the call in its turn. One that waits too long, and one too many, is not done. */
  async do<T>(call: OrderedCall<T>): Promise<Result<T, StoreError>> {
    if (this.#count >= queuedWritesMax || this.#sizeBytes + call.sizeBytes > queuedBytesMax) {
      return err(refused(`too many writes wait for etcd: ${this.#count}`));
    }
    const before = call.names.flatMap((name) => this.#ends.get(name) ?? []);
    const { promise: end, resolve: ended } = Promise.withResolvers<void>();
    for (const name of call.names) this.#ends.set(name, end);
    this.#count += 1;
    this.#sizeBytes += call.sizeBytes;
    const waited = Promise.all(before);
    try {
      if (before.length > 0 && !(await this.#inTime(waited))) return err(tooLate);
      return await call.run();
    } finally {
      this.#count -= 1;
      this.#sizeBytes -= call.sizeBytes;
      // A call that gave up still lets nobody pass whom it came before.
      void waited.then(() => {
        for (const name of call.names) if (this.#ends.get(name) === end) this.#ends.delete(name);
        ended();
      });
    }
  }

  #inTime(waited: Promise<unknown>): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(overallMs, () => resolve(false));
      void waited.then(() => {
        cancel();
        resolve(true);
      });
    });
  }
}

const tooLate: StoreError = {
  kind: "unavailable",
  message: "etcd is too slow: earlier writes of the same keys have not been answered",
  mayHaveTakenEffect: false,
};
