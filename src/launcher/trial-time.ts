/**
 * How long a version on trial may still take: a fixed time after its start, and as long again after each sign that it
 * brings its store to its schema, or back. What hangs gives no such signs.
 */
import { assert } from "../core/assert.ts";
import type { ProgressWord } from "./state.ts";

/** However much it does: as long as an upgrade lets the step take in which a store is migrated. */
export const trialMsMax = 3_600_000;

export interface TrialTime {
  /** Takes in its last sign (undefined: none yet); the answer is why it is given up, or undefined. */
  over(nowMs: number, progress: ProgressWord | undefined): string | undefined;
}

/** Begins at the start of the version; `nowMs` is monotonic. */
export function createTrialTime(healthyWithinMs: number, nowMs: number): TrialTime {
  assert(healthyWithinMs > 0, "a version on trial is given time");
  const endsAtMs = nowMs + Math.max(trialMsMax, healthyWithinMs);
  const span = `${healthyWithinMs / 1_000} s`;
  let seenCount = 0;
  let giveUpAtMs = nowMs + healthyWithinMs;
  return {
    over(thenMs, progress) {
      if (thenMs >= endsAtMs) return `was not healthy within ${(endsAtMs - nowMs) / 1_000} s`;
      if (progress !== undefined && progress.count > seenCount) {
        seenCount = progress.count;
        giveUpAtMs = thenMs + healthyWithinMs;
      }
      if (thenMs < giveUpAtMs) return undefined;
      if (seenCount === 0) return `was not healthy within ${span}`;
      return `was not healthy within ${span} after the last part of its work on the store`;
    },
  };
}
