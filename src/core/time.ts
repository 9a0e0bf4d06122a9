/** Time as branded numbers: instants come in with events, durations come from settings. */
declare const brand: unique symbol;

/** Milliseconds on the driver's clock (wall clock for the manager, monotonic for the agent). */
export type InstantMs = number & { readonly [brand]: "InstantMs" };
/** A span in milliseconds. */
export type DurationMs = number & { readonly [brand]: "DurationMs" };

/** Brands an instant. */
export function instantMs(value: number): InstantMs {
  return value as InstantMs; // every number is an instant on some clock
}

/** Brands a duration. */
export function durationMs(value: number): DurationMs {
  return value as DurationMs; // the schema at the border has refused negative ones
}

/** The instant that lies `span` after `start`. */
export function after(start: InstantMs, span: DurationMs): InstantMs {
  return instantMs(start + span);
}
