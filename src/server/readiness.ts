/**
 * Whether this server can serve: its view follows the store, and the store itself answered a linearizable read a
 * moment ago. However many ask, one read is under way at most, and nobody waits for it longer than a probe does.
 */
import { err, ok, type Result } from "../core/result.ts";
import type { Clock } from "../ports/clock.ts";
import type { Store } from "../ports/store.ts";
import { keys } from "../wire/records.ts";
import type { ClusterView } from "./view/cluster-view.ts";

/** A read this old spares the next one: several balancers that ask each second cost one read. */
const reuseMs = 500;
/** Less than the second that a probe gives its answer. */
const waitMsMax = 700;
/** An election of the store's leader may take as long without all servers being taken out of service at once. */
const toleranceMs = 2_000;

/** Answers probes. */
export interface Readiness {
  /** The error is one line: why not. */
  check(): Promise<Result<void, string>>;
  /** From now on it is not ready any more. */
  shutDown(): void;
}

export interface ReadinessOptions {
  readonly store: Pick<Store, "get">;
  readonly clock: Clock;
  readonly view: Pick<ClusterView, "connected">;
}

/** Starts unproven: the first check reads the store. */
export function createReadiness(options: ReadinessOptions): Readiness {
  return new StoreReadiness(options);
}

class StoreReadiness implements Readiness {
  readonly #options: ReadinessOptions;
  #isShuttingDown = false;
  /** When a read last succeeded; on the monotonic clock. */
  #provenAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  #lastError: string | undefined;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  async check(): Promise<Result<void, string>> {
    const before = this.#obstacle();
    if (before !== undefined) return err(before);
    if (this.#isProvenWithin(reuseMs)) return ok(undefined);
    this.#reading ??= this.#read();
    await this.#withinPatience(this.#reading);
    const after = this.#obstacle();
    if (after !== undefined) return err(after);
    if (this.#isProvenWithin(toleranceMs)) return ok(undefined);
    return err(this.#lastError ?? "the store does not answer in time");
  }

  shutDown(): void {
    this.#isShuttingDown = true;
  }

  #obstacle(): string | undefined {
    if (this.#isShuttingDown) return "this server is shutting down";
    return this.#options.view.connected ? undefined : "this server is cut off from its store";
  }

  #isProvenWithin(ageMs: number): boolean {
    return this.#options.clock.monotonicMs() - this.#provenAtMs <= ageMs;
  }

  async #read(): Promise<void> {
    const { store, clock } = this.#options;
    const read = await store.get(keys.settings);
    if (read.ok) this.#provenAtMs = clock.monotonicMs();
    this.#lastError = read.ok ? undefined : read.error.message;
    this.#reading = undefined;
  }

  async #withinPatience(reading: Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(waitMsMax, resolve);
    await Promise.race([reading, promise]);
    cancel();
  }
}
