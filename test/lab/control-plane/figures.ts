/** Times that a test measured, said to whoever reads its output. */
import type { Lab } from "../lab.ts";

/** The middle one; of two in the middle the later. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Says the median with all values, in milliseconds, and what was to be reached. */
export function sayFigure(
  lab: Lab,
  what: string,
  figure: { readonly measuredMs: readonly number[]; readonly wantedMs: number },
): number {
  const medianMs = medianOf(figure.measuredMs);
  const all = figure.measuredMs.map((value) => value.toFixed()).join(", ");
  lab.say(`${what}: median ${medianMs.toFixed()} ms of ${all}; wanted: ${figure.wantedMs} ms`);
  return medianMs;
}
