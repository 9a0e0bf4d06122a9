/** Which lost server is taken out of the control plane, and whether a person may take one out. */
import { compareIds } from "../ids.ts";
import { type NodeCounts, whyItMayBeUs } from "./missing.ts";
import { type Member, whyMustStay } from "./quorum.ts";

export type { Member } from "./quorum.ts";

/** What the choice rests on, as it is now: it must be counted anew after each purge. */
export interface PurgeInput extends NodeCounts {
  readonly members: readonly Member[];
  /** So many ready servers must be left. */
  readonly readyServersMin: number;
  /** 0: nothing is purged. */
  readonly purgeAfterMs: number;
  readonly nowMs: number;
}

/** A lost server that is not purged now, with the reason as a sentence. */
export interface NotPurged {
  readonly id: string;
  readonly because: string;
}

/** One server, or none and why not, for each that is lost. */
export type PurgeChoice =
  | { readonly kind: "purge"; readonly id: string }
  | { readonly kind: "nothing"; readonly reasons: readonly NotPurged[] };

/** Chooses the server that has been lost longest among those that may be purged now; of equals the first by id. */
export function choosePurge(input: PurgeInput): PurgeChoice {
  const lost = input.members.flatMap((member) =>
    member.lostSinceMs === undefined ? [] : [{ id: member.id, sinceMs: member.lostSinceMs }],
  );
  lost.sort((left, right) => left.sinceMs - right.sinceMs || compareIds(left.id, right.id));
  const reasons: NotPurged[] = [];
  for (const { id, sinceMs } of lost) {
    const because = whyNotPurged(input, id, sinceMs);
    if (because === undefined) return { kind: "purge", id };
    reasons.push({ id, because });
  }
  return { kind: "nothing", reasons };
}

function whyNotPurged(input: PurgeInput, id: string, lostSinceMs: number): string | undefined {
  const { members, purgeAfterMs, nowMs, readyServersMin } = input;
  if (purgeAfterMs <= 0) return "purging is off (purgeAfterMs is 0)";
  const lostForMs = nowMs - lostSinceMs;
  if (lostForMs < purgeAfterMs) {
    return `it has been lost for ${inSeconds(lostForMs)} s, and purgeAfterMs is ${inSeconds(purgeAfterMs)} s`;
  }
  return whyItMayBeUs(input) ?? whyMustStay(members, id, readyServersMin);
}

function inSeconds(ms: number): number {
  return Math.max(0, Math.floor(ms / 1_000));
}

/** Whether a person may take the server out, lost or not; the answer says why not. */
export type RemovalVerdict =
  | { readonly kind: "may-go" }
  | { readonly kind: "must-stay"; readonly because: string };

/** The same arithmetic for a person's word, which needs no waiting. */
export function removalVerdict(removal: {
  readonly members: readonly Member[];
  readonly id: string;
  readonly readyServersMin: number;
}): RemovalVerdict {
  const { members, id, readyServersMin } = removal;
  if (!members.some((member) => member.id === id)) {
    return { kind: "must-stay", because: `there is no server ${id}` };
  }
  const because = whyMustStay(members, id, readyServersMin);
  return because === undefined ? { kind: "may-go" } : { kind: "must-stay", because };
}
