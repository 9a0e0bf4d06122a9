/** Time and timers for runtimes; the core gets its time with events. */

export interface Clock {
  /** Monotonic milliseconds since the machine started (CLOCK_MONOTONIC): the same in every process of it. */
  monotonicMs(): number;
  /** Wall clock, for people only: milliseconds since 1970. */
  wallMs(): number;
  /** Calls `callback` once, not before `delayMs` is over. The returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}
