/** How a group's members are, as far as it matters to the upgrade of one instance of a deployment (S7). */
import type { WaitReason } from "../../explain/fleet-reason.ts";
import type { NodeId } from "../../ids.ts";
import { mutated } from "../../mutation.ts";
import { isOutOfHands } from "../instances/health.ts";
import { copyOf, isSame } from "../memory/copies.ts";
import { isHeard, isOnline, membersOf } from "../memory/nodes.ts";
import type { Copy, FleetState } from "../state.ts";

/** The members of a group, seen from one deployment; made once for all its instances in the group. */
export interface Picture {
  readonly group: string;
  /** Members without a lease, or put offline, whatever runs there. */
  readonly offline: readonly NodeId[];
  readonly healthy: ReadonlySet<NodeId>;
  /** Were healthy, and have not said a word under their present instructions: they may be running all the while. */
  readonly unheard: ReadonlySet<NodeId>;
  /** Will be healthy, or will have failed, within a bounded time. */
  readonly recovering: readonly NodeId[];
  /** Were healthy once and are not, and nothing says that they will be. */
  readonly broken: readonly { readonly node: NodeId; readonly because: "failed" | "maintenance" }[];
  /** Lost in the midst of a change: what may still run there is restarted as soon as they are back, unasked. */
  readonly interrupted: readonly NodeId[];
}

/** Looks at every member once. */
export function pictureOf(state: FleetState, deployment: string, group: string): Picture {
  const offline: NodeId[] = [];
  const healthy = new Set<NodeId>();
  const unheard = new Set<NodeId>();
  const recovering: NodeId[] = [];
  const broken: { node: NodeId; because: "failed" | "maintenance" }[] = [];
  const interrupted: NodeId[] = [];
  for (const node of membersOf(state, group)) {
    if (!isOnline(state, node)) offline.push(node);
    // What a person has put offline may run all the same: it counts as what is heard of it.
    const copy = copyOf(state, deployment, node);
    if (copy === undefined) continue;
    if (isInterrupted(state, copy)) interrupted.push(node);
    if (!isHeard(state, node)) continue;
    const standing = standingOf(state, copy);
    if (isUnheard(state, copy)) unheard.add(node);
    if (standing === "healthy") healthy.add(node);
    else if (standing === "recovering") recovering.push(node);
    else if (standing !== "none") broken.push({ node, because: standing });
  }
  return { group, offline, healthy, unheard, recovering, broken, interrupted };
}

type Standing = "healthy" | "recovering" | "maintenance" | "failed" | "none";

function standingOf(state: FleetState, copy: Copy): Standing {
  const { phase, wasHealthy } = copy.instance;
  if (phase === "removing") return "none";
  if (copy.healthySinceMs !== undefined) return "healthy";
  if (isOutOfHands(state, copy)) return "maintenance";
  if (phase !== "failed") return "recovering";
  return wasHealthy ? "failed" : "none";
}

/** All that pictures have of one instance: when it changes, its group is looked at anew. */
export function lookOf(state: FleetState, copy: Copy): string {
  const isOpen = isUnheard(state, copy) ? " unheard" : "";
  return `${standingOf(state, copy)}${isOpen}${isInterrupted(state, copy) ? " interrupted" : ""}`;
}

/**
 * Whether its node was lost with a change that its agent has not reported done: a copy outlives the lease (`keep`), and
 * is taken down and started anew when the node is back, whoever has the slot then. Not so once the node was confirmed
 * off: nothing runs there any more.
 */
function isInterrupted(state: FleetState, { instance }: Copy): boolean {
  const { node, service, phase, wasHealthy } = instance;
  if (isHeard(state, node) || phase === "removing" || !wasHealthy) return false;
  const record = state.services.get(service);
  const status = state.statuses.get(service);
  if (record?.requested !== "started" || record.removing) return false;
  // `fence`: nobody knows whether it runs; `started`: the manager has not yet seen the loss.
  if (status?.state !== "fence" && status?.state !== "started") return false;
  const report = state.reports.get(service);
  return report === undefined || report.configRevision < record.revision;
}

/**
 * Why the instance may not be taken down now; undefined: it may. A healthy one only while another healthy one is left,
 * or nobody else who is there has one that could be (S7). One that is not healthy takes nothing away; one that nothing
 * is known of, because its node is just back, counts as healthy until its agent says else or its time is over. A member
 * that is away does not hold it up, unless it was lost in the midst of a change: with this one both would be down at once.
 */
export function whyNeeded(picture: Picture, copy: Copy): WaitReason | undefined {
  const { group, healthy, unheard, recovering, broken, interrupted } = picture;
  const { node } = copy.instance;
  const takesAway = copy.healthySinceMs !== undefined || unheard.has(node);
  if (!takesAway || mutated("S7-last-copy")) return undefined;
  const first = recovering.find((other) => other !== node);
  if (first !== undefined) {
    return { code: "waits-for-member", group, member: first, because: "unhealthy" };
  }
  const othersHealthy = healthy.size - (healthy.has(node) ? 1 : 0);
  if (othersHealthy > 0) return undefined;
  const lost = broken.find((other) => other.node !== node);
  if (lost !== undefined) {
    return { code: "waits-for-member", group, member: lost.node, because: lost.because };
  }
  const member = interrupted.find((other) => other !== node);
  if (member === undefined) return undefined;
  return { code: "waits-for-member", group, member, because: "interrupted" };
}

/** Whether its agent has not yet said anything about it under its present instruction and lease. */
export function isUnheard(state: FleetState, { instance, expected }: Copy): boolean {
  const { service, node, wasHealthy, release } = instance;
  const record = state.services.get(service);
  const status = state.statuses.get(service);
  const report = state.reports.get(service);
  if (!wasHealthy || expected !== undefined || record === undefined || status === undefined) {
    return false;
  }
  const isToRun = record.requested === "started" && isSame(record.release, release);
  if (!isToRun || status.state === "error" || status.state === "stopped") return false;
  if (report?.uid !== status.uid || report.epoch !== state.leases.get(node)) return true;
  // It was let go of as it ran, or its agent is new and has not checked its health yet.
  const isPresent = report.configRevision >= record.revision;
  const isUnchecked = report.result === "running" && report.health === "starting";
  return isPresent && (report.result === "released" || isUnchecked);
}

/** The member that a group which waits for members that are offline waits for. */
export function whyOffline(
  state: FleetState,
  picture: Pick<Picture, "group" | "offline">,
  node: NodeId,
): WaitReason | undefined {
  const { group } = picture;
  if (state.groups.get(group)?.whenMembersOffline !== "wait") return undefined;
  const member = picture.offline.find((other) => other !== node);
  if (member === undefined) return undefined;
  return { code: "waits-for-member", group, member, because: "offline" };
}
