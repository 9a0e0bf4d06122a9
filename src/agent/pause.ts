/** A wait that can be cut short. */
import type { Clock } from "../ports/clock.ts";

export interface Pause {
  /** Resolves after `delayMs`, or when `end` is called; undefined: only then. An `end` before it is remembered. */
  wait(delayMs: number | undefined): Promise<void>;
  /** Ends the wait that goes on, or the next one. */
  end(): void;
}

/** One waiter at a time. */
export function createPause(clock: Clock): Pause {
  let wake: (() => void) | undefined;
  let isEnded = false;
  return {
    wait: (delayMs) =>
      new Promise((resolve) => {
        let cancel: () => void = () => undefined;
        const finish = (): void => {
          cancel();
          wake = undefined;
          isEnded = false;
          resolve();
        };
        if (isEnded) finish();
        else {
          wake = finish;
          if (delayMs !== undefined) cancel = clock.after(delayMs, finish);
        }
      }),
    end() {
      if (wake === undefined) isEnded = true;
      else wake();
    },
  };
}
