/** What is true of a node now, for those who ask before they act. */
import { compareIds, type NodeId } from "../../ids.ts";
import type { FleetState } from "../state.ts";

/** Whether the node holds a lease, and is to be watched. */
export function isOnline(state: FleetState, node: NodeId): boolean {
  return isHeard(state, node) && !isPutOffline(state, node);
}

/** Whether the node holds a lease, whatever people want of it. */
export function isHeard(state: FleetState, node: NodeId): boolean {
  return state.nodes.has(node) && state.leases.has(node);
}

/** Whether a person has put it offline: nothing is done there until they enable it. */
export function isPutOffline(state: FleetState, node: NodeId): boolean {
  return state.nodes.get(node)?.mode === "offline";
}

/** Whether a person asked for its maintenance. */
export function inMaintenance(state: FleetState, node: NodeId): boolean {
  return state.nodes.get(node)?.maintenance === true;
}

/** Whether the node's epoch was ended while it was away: nothing of what it was told before can go on there (S4). */
export function isFenced(state: FleetState, node: NodeId): boolean {
  return !state.leases.has(node) && state.epochs.get(node)?.fenced === true;
}

/** The HA group that the node is in and that there is; undefined: none. */
export function groupOf(state: FleetState, node: NodeId): string | undefined {
  const group = state.groupOf.get(node);
  return group !== undefined && state.groups.has(group) ? group : undefined;
}

/** The registered members of a group, in order of name. */
export function membersOf(state: FleetState, group: string): readonly NodeId[] {
  const members = [...(state.members.get(group) ?? [])].filter((node) => state.nodes.has(node));
  return members.sort(compareIds);
}

/** Deployments whose upgrade of the node an HA group has to order. */
export function orderedUpgrades(state: FleetState, node: NodeId): readonly string[] {
  const names = [...(state.upgradingOn.get(node) ?? [])];
  return names.filter((name) => state.deployments.get(name)?.haSemantics === "one-at-a-time");
}

/** Whether the node's agent is told to install now. */
export function isInstallingAgent(state: FleetState, node: NodeId): boolean {
  return state.agentUpgrades.get(node)?.order === "install";
}

/** Whether the node is under an upgrade that counts in its HA group: of a service or of its agent. */
export function isUpgrading(state: FleetState, node: NodeId): boolean {
  return isInstallingAgent(state, node) || orderedUpgrades(state, node).length > 0;
}

/** Whether the order of an HA group holds for a deployment's instance on the node. */
export function orderingGroup(state: FleetState, name: string, node: NodeId): string | undefined {
  if (state.deployments.get(name)?.haSemantics !== "one-at-a-time") return undefined;
  return groupOf(state, node);
}
