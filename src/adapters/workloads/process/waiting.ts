/** Waits that always end: by the clock, or by a signal. */
import type { Clock } from "../../../ports/clock.ts";

/** Resolves after `delayMs`, or at once when `signal` aborts. Never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const finish = (): void => {
      cancel();
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = clock.after(delayMs, finish);
    signal?.addEventListener("abort", finish, { once: true });
  });
}

/** True when `promise` settled within `timeoutMs`; leaves no timer behind. */
export async function settlesWithin(
  clock: Clock,
  promise: Promise<unknown>,
  timeoutMs: number,
): Promise<boolean> {
  const done = new AbortController();
  const settled = promise.then(() => true);
  const late = sleep(clock, timeoutMs, done.signal).then(() => false);
  try {
    return await Promise.race([settled, late]);
  } finally {
    done.abort();
  }
}
