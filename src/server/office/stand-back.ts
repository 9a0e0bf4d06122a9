/**
 * How a server whose leader hook fails gives the office to another one, without the office flying back and forth: after
 * each failure it lets the others go first for a time that grows. Whoever is elected within that time is wanted by
 * nobody else's absence, and stays.
 */
import type { Clock } from "../../ports/clock.ts";

/**
 * A vacant office is taken by another server well within this time, if there is one that can: also where its first read
 * waits for the store's own election, which takes about two seconds when a server has just been lost, and fails.
 */
const othersFirstMs = 3_000;
const firstMs = 5_000;
const standBackMsMax = 60_000;

export interface StandBack {
  /** How long the office must be vacant before this server stands for it; 0: not at all. */
  waitMs(): number;
  /** Whether it stands back now: who leads all the same does so because nobody else wanted to. */
  isOn(): boolean;
  /** The leader hook has failed. The answer is for how long it stands back. */
  failed(): number;
  /** It has done its work: the next failure is a first one. */
  succeeded(): void;
}

export function createStandBack(clock: Pick<Clock, "monotonicMs">): StandBack {
  let untilMs = 0;
  let failureCount = 0;
  const isOn = (): boolean => clock.monotonicMs() < untilMs;
  return {
    waitMs: () => (isOn() ? othersFirstMs : 0),
    isOn,
    failed() {
      const forMs = Math.min(standBackMsMax, firstMs * 2 ** failureCount);
      failureCount += 1;
      untilMs = clock.monotonicMs() + forMs;
      return forMs;
    },
    succeeded() {
      untilMs = 0;
      failureCount = 0;
    },
  };
}
