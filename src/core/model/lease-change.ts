/**
 * How the times of a live lease change. Longer ones are taken over at once. Shorter ones only after the node has said that
 * it counts on no more than those: an answer that it misses must not leave it with a longer time than the store's (S3).
 */
import type { LeaseTimes } from "./times.ts";

/** `wanted`: the key moves to a lease of the wanted times. `anew`: to one of the same times, of which nothing was said. */
export type LeaseChange = "keep" | "wanted" | "anew";

/**
 * What becomes of a lease when it is renewed. `countsOnMs`: the most that the node has said it will ever count on of this
 * very lease of the store; undefined: all that it was granted with.
 */
export function leaseChangeOf(
  granted: LeaseTimes | undefined,
  wanted: LeaseTimes,
  countsOnMs: number | undefined,
): LeaseChange {
  if (granted === undefined) return "keep";
  const isPromised = countsOnMs !== undefined && countsOnMs < granted.ttlMs;
  if (wanted.ttlMs < granted.ttlMs) {
    return isPromised && countsOnMs <= wanted.ttlMs ? "wanted" : "keep";
  }
  const isSame =
    wanted.ttlMs === granted.ttlMs &&
    wanted.watchdogMs === granted.watchdogMs &&
    wanted.renewEveryMs === granted.renewEveryMs;
  if (!isSame) return "wanted";
  // A request that arrives late could still have it shortened: what was said of this lease is never taken back.
  return isPromised ? "anew" : "keep";
}

/** A lease as a server answers with it. */
export interface AnsweredLease {
  readonly leaseId: string;
  readonly times: LeaseTimes;
  /** The times that it would rather have: shorter ones. */
  readonly shorter: LeaseTimes | undefined;
}

/** What a node counts on of a lease of the store, for as long as it has that one; on disk before it is said. */
export interface CountedLease {
  readonly leaseId: string;
  readonly countsOn: LeaseTimes | undefined;
}

/** What the node counts on from this answer on. */
export function countedLease(answer: AnsweredLease, before: CountedLease): CountedLease {
  const { leaseId, times, shorter } = answer;
  const kept = before.leaseId === leaseId ? before.countsOn : undefined;
  const isLess = shorter !== undefined && shorter.ttlMs < (kept ?? times).ttlMs;
  return { leaseId, countsOn: isLess ? shorter : kept };
}
