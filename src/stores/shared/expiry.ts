/**
 * Writes the end of leases that ran out. While it cannot be written (disk full) the lease stays dead and the
 * write is tried again, with growing pauses.
 */
import type { Clock } from "../../ports/clock.ts";
import type { LeaseId, StoreError } from "../../ports/store.ts";
import { expiryRetryMsMax, expiryRetryMsMin } from "./limits.ts";

export interface ExpiryOptions {
  readonly clock: Clock;
  /** Queues the write that ends the lease. */
  readonly endLease: (leaseId: LeaseId, settled: (error: StoreError | undefined) => void) => void;
}

export class Expiry {
  readonly #options: ExpiryOptions;
  readonly #unwritten = new Set<LeaseId>();
  #pauseMs = expiryRetryMsMin;
  #cancelRetry: (() => void) | undefined;
  #isClosed = false;

  constructor(options: ExpiryOptions) {
    this.#options = options;
  }

  /** Ends the lease, now or as soon as there is room again. */
  end(leaseId: LeaseId): void {
    this.#options.endLease(leaseId, (error) => this.#settled(leaseId, error));
  }

  /** Tries nothing any more. */
  close(): void {
    this.#isClosed = true;
    this.#cancelRetry?.();
  }

  #settled(leaseId: LeaseId, error: StoreError | undefined): void {
    if (error === undefined) {
      this.#pauseMs = expiryRetryMsMin;
      return;
    }
    if (this.#isClosed) return;
    this.#unwritten.add(leaseId);
    if (this.#cancelRetry !== undefined) return;
    this.#cancelRetry = this.#options.clock.after(this.#pauseMs, () => this.#retry());
    this.#pauseMs = Math.min(this.#pauseMs * 2, expiryRetryMsMax);
  }

  #retry(): void {
    this.#cancelRetry = undefined;
    const leaseIds = [...this.#unwritten];
    this.#unwritten.clear();
    for (const leaseId of leaseIds) this.end(leaseId);
  }
}
