/**
 * The times that decide how fast a failover is and how safe it stays: lease, watchdog and renewal, and the
 * deadline that follows from them. Safety rule S3 in docs/safety.md rests on the relations checked here.
 */
import { assert } from "../assert.ts";
import { mutated } from "../mutation.ts";
import { type DurationMs, durationMs, type InstantMs, instantMs } from "../time.ts";

/** How long a node's lease lives, by when its node has killed its services, how often it renews. */
export interface LeaseTimes {
  readonly ttlMs: DurationMs;
  /** The guard's time-out, counted from the sending of the last renewal that succeeded; less than `ttlMs`. */
  readonly watchdogMs: DurationMs;
  readonly renewEveryMs: DurationMs;
}

/** The named sets of times. `fast`: one switch, good disks. `balanced`: most. `patient`: flaky links. */
export type ProfileName = "fast" | "balanced" | "patient";

/** Largest error of a clock's rate that the safety rules bear: 1,000 ppm (docs/safety.md, assumption A1). */
export const clockRateErrorMax = 0.001;

/** Part of the watchdog's time, before the deadline, in which services are asked to end instead of killed. */
export const graceShare = 0.15;

/** The times of each profile. */
export const profiles: Readonly<Record<ProfileName, LeaseTimes>> = {
  fast: times(3_000, 2_000, 500),
  balanced: times(6_000, 4_500, 1_000),
  patient: times(60_000, 50_000, 10_000),
};

function times(ttlMs: number, watchdogMs: number, renewEveryMs: number): LeaseTimes {
  return {
    ttlMs: durationMs(ttlMs),
    watchdogMs: durationMs(watchdogMs),
    renewEveryMs: durationMs(renewEveryMs),
  };
}

/**
 * Why these times would not be safe or not work, or undefined when they are fine.
 * The watchdog must leave room for the kill and for clock-rate error; three renewals must fit before it.
 */
export function faultOfTimes(value: LeaseTimes): string | undefined {
  if (value.watchdogMs >= value.ttlMs * (1 - clockRateErrorMax) - 100) {
    return `watchdogMs (${value.watchdogMs}) must be at least 100 ms and 0.1 % shorter than ttlMs (${value.ttlMs})`;
  }
  if (value.renewEveryMs * 3 > value.watchdogMs) {
    return `renewEveryMs (${value.renewEveryMs}) must fit three times into watchdogMs (${value.watchdogMs})`;
  }
  return undefined;
}

/** The same pace of renewals with a longer life: the watchdog keeps its distance from the end, in proportion. */
export function withLife(value: LeaseTimes, ttlMs: DurationMs): LeaseTimes {
  if (ttlMs <= value.ttlMs) return value;
  const watchdogMs = Math.floor((ttlMs * value.watchdogMs) / value.ttlMs);
  return { ttlMs, watchdogMs: durationMs(watchdogMs), renewEveryMs: value.renewEveryMs };
}

/**
 * The instant by which a node must run nothing any more that could be started elsewhere (S3): the sending of
 * the last successful renewal + TTL x (1 - 0.001) - kill margin, where the kill margin is TTL - watchdog time.
 */
export function runUntil(sentAt: InstantMs, value: LeaseTimes): InstantMs {
  const isLate = mutated("S3-late-deadline");
  const killMarginMs = isLate ? -value.ttlMs : value.ttlMs - value.watchdogMs;
  return instantMs(sentAt + value.ttlMs * (1 - clockRateErrorMax) - killMarginMs);
}

for (const profile of Object.values(profiles)) {
  assert(faultOfTimes(profile) === undefined, "every built-in profile is safe");
}
