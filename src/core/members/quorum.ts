/** The arithmetic of servers that vote: how many must live, and whether those that are left would be enough. */

/** A server of the control plane, as the others see it. One that is cordoned, or in maintenance, is not lost. */
export interface Member {
  readonly id: string;
  readonly isVoter: boolean;
  /** It copies and does not vote yet. */
  readonly isLearner: boolean;
  /** It answers and can serve everybody. */
  readonly isReady: boolean;
  /** Since when nobody has heard of it; undefined: it lives. */
  readonly lostSinceMs?: number | undefined;
}

/** Votes that decide among so many voters. */
export function quorumOf(votersCount: number): number {
  return Math.floor(votersCount / 2) + 1;
}

/** Whether those that live could decide; without any voter nobody can. */
function hasQuorum(members: readonly Member[]): boolean {
  const voters = members.filter(({ isVoter }) => isVoter);
  return liveVotersOf(members) >= quorumOf(voters.length);
}

function liveVotersOf(members: readonly Member[]): number {
  return members.filter(({ isVoter, lostSinceMs }) => isVoter && lostSinceMs === undefined).length;
}

/**
 * Why the member may not be taken out, or undefined: it may. Those that are there must be able to decide about it, and
 * those that are left about everything after it; of these enough must be ready.
 */
export function whyMustStay(
  members: readonly Member[],
  id: string,
  readyServersMin: number,
): string | undefined {
  const left = members.filter((member) => member.id !== id);
  if (left.length === 0) return "it is the only server";
  const votersCount = members.filter(({ isVoter }) => isVoter).length;
  if (!hasQuorum(members)) {
    return `only ${liveVotersOf(members)} of ${votersCount} voting servers live, and ${quorumOf(votersCount)} have to agree`;
  }
  if (!hasQuorum(left)) {
    const votersLeft = left.filter(({ isVoter }) => isVoter).length;
    return `without it ${liveVotersOf(left)} of ${votersLeft} voting servers would live, and ${quorumOf(votersLeft)} would have to agree`;
  }
  const readyCount = left.filter(({ isReady }) => isReady).length;
  if (readyCount >= readyServersMin) return undefined;
  return `${readyCount} ready servers would be left, and readyServersMin is ${readyServersMin}`;
}
