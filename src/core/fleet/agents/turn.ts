/** Whose agent may install next: one member of an HA group at a time (S7), a few of the nodes in none. */
import type { WaitReason } from "../../explain/fleet-reason.ts";
import { compareIds, type NodeId } from "../../ids.ts";
import type { InstantMs } from "../../time.ts";
import { whyOffline } from "../groups/health-of-members.ts";
import { groupOf, inMaintenance, isOnline, isPutOffline, membersOf } from "../memory/nodes.ts";
import type { FleetState } from "../state.ts";
import { isWindowOver } from "./goal.ts";

/** The first one of the group that may install now; the caller has looked that nobody of it is at it. */
export function nextAgent(state: FleetState, group: string, now: InstantMs): NodeId | undefined {
  const offline = membersOf(state, group).filter((node) => !isOnline(state, node));
  const waiting = [...(state.agentsWaiting.get(group) ?? [])].sort(compareIds);
  return waiting.find((node) => {
    const wait = whyNotInstall(state, node, now);
    return wait === undefined && whyOffline(state, { group, offline }, node) === undefined;
  });
}

/** Nodes in no group that may install now, in order of name. */
export function nextAgents(state: FleetState, now: InstantMs): readonly NodeId[] {
  const counts = new Map<string, number>();
  const chosen: NodeId[] = [];
  for (const node of [...(state.agentsWaiting.get("") ?? [])].sort(compareIds)) {
    const policy = state.policies.get(state.agentUpgrades.get(node)?.policy ?? "");
    if (policy === undefined || whyNotInstall(state, node, now) !== undefined) continue;
    const busy = counts.get(policy.name) ?? busyIn(state, policy.name);
    if (busy >= policy.nodesAtOnce) continue;
    counts.set(policy.name, busy + 1);
    chosen.push(node);
  }
  return chosen;
}

function busyIn(state: FleetState, policy: string): number {
  let count = 0;
  for (const node of state.installing.get(policy) ?? []) {
    if (groupOf(state, node) === undefined) count += 1;
  }
  return count;
}

/** What the node itself is in the way of; `window`: nothing is begun any more. */
export function whyNotInstall(
  state: FleetState,
  node: NodeId,
  now: InstantMs,
): WaitReason | "window" | undefined {
  if (!state.armed) return { code: "waits-for-arming" };
  if (state.frozen) return { code: "waits-for-freeze" };
  if (isPutOffline(state, node)) return { code: "waits-for-node-enabled", node };
  if (!isOnline(state, node)) return { code: "waits-for-node-online", node };
  if (inMaintenance(state, node)) return { code: "waits-for-node-open", node };
  if (state.upgradingOn.has(node)) return { code: "waits-for-own-services", node };
  const policy = state.policies.get(state.agentUpgrades.get(node)?.policy ?? "");
  return policy === undefined || isWindowOver(policy, now) ? "window" : undefined;
}
