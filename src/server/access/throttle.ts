/** Slows down whoever fails again and again, in bounded memory. */
import type { Clock } from "../../ports/clock.ts";

export interface ThrottleOptions {
  readonly clock: Clock;
  /** Attempts that cost nothing. */
  readonly freeCount: number;
  /** The wait begins at a second, doubles with each attempt, and ends here. */
  readonly waitMsMax: number;
  /** A key without an attempt for so long is forgotten. */
  readonly forgetAfterMs: number;
  /** Keys that are remembered; beyond it the one that was quiet for longest goes. */
  readonly keysMax: number;
}

export interface Throttle {
  /** How long the next attempt has to wait; 0: it may be made. */
  waitMs(key: string): number;
  /** Counts an attempt; before it is known how it ends, so that many at once do not slip through. */
  count(key: string): void;
  /** The attempt was a good one: it does not count. */
  uncount(key: string): void;
  /** The attempt was a good one: everything before it is forgotten. */
  forget(key: string): void;
}

interface Entry {
  readonly count: number;
  readonly lastAtMs: number;
  readonly nextAtMs: number;
}

/** A throttle in this server's memory; each server counts for itself. */
export function createThrottle(options: ThrottleOptions): Throttle {
  const { clock, freeCount, waitMsMax, forgetAfterMs, keysMax } = options;
  const entries = new Map<string, Entry>();

  function live(key: string): Entry | undefined {
    const entry = entries.get(key);
    if (entry === undefined || clock.monotonicMs() - entry.lastAtMs < forgetAfterMs) return entry;
    entries.delete(key);
    return undefined;
  }

  function put(key: string, count: number, lastAtMs: number): void {
    const excess = count - freeCount;
    const waitMs = excess <= 0 ? 0 : Math.min(waitMsMax, 1_000 * 2 ** (excess - 1));
    entries.delete(key); // the map's order is that of the last attempts
    entries.set(key, { count, lastAtMs, nextAtMs: lastAtMs + waitMs });
  }

  return {
    waitMs: (key) => Math.max(0, (live(key)?.nextAtMs ?? 0) - clock.monotonicMs()),
    count(key) {
      put(key, (live(key)?.count ?? 0) + 1, clock.monotonicMs());
      if (entries.size <= keysMax) return;
      const [oldest] = entries.keys();
      if (oldest !== undefined) entries.delete(oldest);
    },
    uncount(key) {
      const entry = live(key);
      if (entry !== undefined) put(key, entry.count - 1, entry.lastAtMs);
    },
    forget(key) {
      entries.delete(key);
    },
  };
}
