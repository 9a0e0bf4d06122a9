/** Times of the floating address, and the relations that make it safe (S3). */
import { assert } from "../../core/assert.ts";
import { clockRateErrorMax } from "../../core/model/times.ts";
import type { HoldUntil } from "../../ports/office.ts";

/** A holder may have it for so long after the sending of the last renewal that succeeded, by its own clock. */
const ttlMs = 4_000;
/** The guard takes it away so much sooner: for the processor, and for the program that does it. */
const removeMarginMs = 1_000;
export const renewEveryMs = 500;
/** Renewals that may be under way: a store that is slow to answer one may answer the next. */
export const renewalsMax = 4;
/** An address that another machine has, or that cannot be added, is tried again after so long. */
export const tryAgainMs = 5_000;

/** How long a holder may have it after this renewal. */
export function holdUntil(sentAtMs: number): HoldUntil {
  const endAtMs = sentAtMs + ttlMs * (1 - clockRateErrorMax);
  return { removeAtMs: endAtMs - removeMarginMs, endAtMs };
}

/** How long a server waits, from the moment that its claim is known to be written, until nobody else has it. */
export const takeOverAfterMs: number = ttlMs * (1 + clockRateErrorMax);

assert(renewEveryMs * 3 < ttlMs - removeMarginMs, "three renewals fit before the removal");
assert(takeOverAfterMs > ttlMs, "who takes it over waits longer than any holder has it");
