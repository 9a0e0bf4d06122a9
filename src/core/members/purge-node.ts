/**
 * Which lost node is taken out of the cluster. One at a time: the caller counts anew when that is done, so that no
 * guard is counted once for two purges.
 */
import { compareIds, type NodeId } from "../ids.ts";
import { type NodeCounts, whyItMayBeUs } from "./missing.ts";

/** A node that is lost. */
export interface LostNode {
  readonly node: NodeId;
  readonly lostSinceMs: number;
  /** Nothing of its services can run there any more. */
  isFree(): boolean;
}

/** What the choice rests on. */
export interface NodePurgeInput extends NodeCounts {
  /** Lost nodes; those in maintenance, or put offline, are none. */
  readonly lost: Iterable<LostNode>;
  /** 0: nothing is purged. */
  readonly purgeAfterMs: number;
  readonly nowMs: number;
}

/** The node that has been lost longest and may be purged now, of equals the first by name; undefined: none. */
export function chooseNodePurge(input: NodePurgeInput): NodeId | undefined {
  const { lost, purgeAfterMs, nowMs } = input;
  if (purgeAfterMs <= 0 || whyItMayBeUs(input) !== undefined) return undefined;
  let chosen: LostNode | undefined;
  for (const one of lost) {
    if (nowMs - one.lostSinceMs < purgeAfterMs) continue;
    if (chosen !== undefined && !isBefore(one, chosen)) continue;
    if (one.isFree()) chosen = one;
  }
  return chosen?.node;
}

function isBefore(left: LostNode, right: LostNode): boolean {
  if (left.lostSinceMs !== right.lostSinceMs) return left.lostSinceMs < right.lostSinceMs;
  return compareIds(left.node, right.node) < 0;
}
