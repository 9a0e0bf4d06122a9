/** A bell that one task rings and others wait for, so that nothing polls. */

export interface Pulse {
  /** Wakes everybody who waits now. */
  ring(): void;
  /** Resolves at the next ring, or when `signal` aborts. */
  next(signal: AbortSignal): Promise<void>;
}

/** A bell without memory: a ring that nobody waits for is forgotten, so check the condition before waiting. */
export function createPulse(): Pulse {
  let waiting = new Set<() => void>();
  return {
    ring() {
      const woken = waiting;
      waiting = new Set();
      for (const wake of woken) wake();
    },
    next(signal) {
      if (signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const wake = () => {
          waiting.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        waiting.add(wake);
        signal.addEventListener("abort", wake);
      });
    },
  };
}

/** Resolves after `delayMs` on the given clock, or when `signal` aborts. */
export function pause(
  clock: { after(delayMs: number, callback: () => void): () => void },
  delayMs: number,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = () => {
      cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = clock.after(delayMs, finish);
    signal.addEventListener("abort", finish);
  });
}
