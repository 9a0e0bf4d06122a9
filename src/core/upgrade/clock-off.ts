/** How far another machine's clock is off, by an answer that took its time: what may be the answer's way is no fault of a clock. */

/** When another clock was read, and when that was asked for. */
export interface ClockReading {
  /** What it showed. */
  readonly itsMs: number;
  /** The own wall clock when the answer came. */
  readonly ownMs: number;
  /** From the question to the answer; it was read at some moment between. */
  readonly tookMs: number;
}

/** By how many ms it is ahead of the own one at least; negative: behind; 0: they may be the same. */
export function clockOffMs({ itsMs, ownMs, tookMs }: ClockReading): number {
  const earliestMs = ownMs - tookMs;
  if (itsMs > ownMs) return itsMs - ownMs;
  return itsMs < earliestMs ? itsMs - earliestMs : 0;
}
