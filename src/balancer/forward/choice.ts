/** Which server a new connection goes to, and where it goes when that one does not take it. Pure. */
import type { HealthState } from "../health/health-state.ts";

/** What is known of a server when a connection comes. */
export interface Candidate {
  readonly health: HealthState;
  /** The last connection to it failed, and no check has found it ready since. */
  readonly isSuspect: boolean;
  readonly connectionCount: number;
  /** Grows with each connection that is given out; of equals the one that waited longest is next. */
  readonly lastChosen: number;
}

/** All that may be tried, best first. */
export function inOrderOfChoice<T extends Candidate>(candidates: readonly T[]): readonly T[] {
  return candidates
    .filter((candidate) => rankOf(candidate) !== undefined)
    .sort(
      (left, right) =>
        (rankOf(left) ?? 0) - (rankOf(right) ?? 0) ||
        left.connectionCount - right.connectionCount ||
        left.lastChosen - right.lastChosen,
    );
}

/** Undefined: nothing is sent there. */
function rankOf({ health, isSuspect }: Candidate): number | undefined {
  switch (health.kind) {
    case "ready":
      return isSuspect ? 2 : 0;
    case "unknown":
      return 1;
    case "not-ready":
      // When no server is ready, the caller at least gets an answer that says why.
      return 3;
    case "unreachable":
      // On its way back: better than no server at all.
      return health.againstCount > 0 ? 3 : undefined;
    default:
      return health.kind satisfies never;
  }
}
