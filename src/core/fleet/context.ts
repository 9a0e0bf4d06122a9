/** One step in progress: the state, the instant, the effects so far, and the marks of what is to be looked at. */
import { assert } from "../assert.ts";
import type { FleetReason } from "../explain/fleet-reason.ts";
import type { NodeId } from "../ids.ts";
import type { InstantMs } from "../time.ts";
import type { FleetEffect, FleetWrite } from "./effect.ts";
import type { FleetState } from "./state.ts";

export interface FleetContext {
  readonly state: FleetState;
  readonly now: InstantMs;
  readonly effects: FleetEffect[];
}

/** Begins a step. */
export function createContext(state: FleetState, now: InstantMs): FleetContext {
  return { state, now, effects: [] };
}

/** Wants `writes` written in one transaction. */
export function emit(context: FleetContext, writes: readonly FleetWrite[]): void {
  assert(writes.length > 0, "an effect writes something");
  context.effects.push({ kind: "fleet", writes });
}

/** An event about a deployment. */
export function tellDeployment(subject: string, reason: FleetReason): FleetWrite {
  return { kind: "tell", about: "deployment", subject, reason };
}

/** An event about an HA group. */
export function tellGroup(subject: string, reason: FleetReason): FleetWrite {
  return { kind: "tell", about: "ha-group", subject, reason };
}

/** Has an instance, or the lack of one, looked at. */
export function markCopy(state: FleetState, deployment: string, node: NodeId): void {
  const nodes = state.dirty.copies.get(deployment);
  if (nodes === undefined) state.dirty.copies.set(deployment, new Set([node]));
  else nodes.add(node);
}

/** Has all instances of a node looked at; also those that it may get if `stale`. */
export function markNode(state: FleetState, node: NodeId, stale: "as-it-is" | "stale"): void {
  if (stale === "stale") {
    for (const deployment of state.deployments.keys()) markCopy(state, deployment, node);
  }
  for (const deployment of state.copiesOn.get(node) ?? []) {
    const copy = state.copies.get(deployment)?.get(node);
    if (stale === "stale" && copy !== undefined) copy.candidates = undefined;
    markCopy(state, deployment, node);
  }
  state.dirty.agents.add(node);
  markGroupOf(state, node);
}

/** Has all that waits in the node's HA group looked at. */
export function markGroupOf(state: FleetState, node: NodeId): void {
  const group = state.groupOf.get(node);
  if (group !== undefined) state.dirty.groups.add(group);
}

/** The node is in no upgrade of a service any more: its agent may have waited for that. */
export function markAgentTurn(state: FleetState, node: NodeId): void {
  state.dirty.agentPools = true;
  markGroupOf(state, node);
}

/** Has every node looked at for a deployment: what it wants has changed. */
export function markDeployment(state: FleetState, name: string): void {
  for (const node of state.nodes.keys()) markCopy(state, name, node);
  for (const [node, copy] of state.copies.get(name) ?? []) {
    copy.candidates = undefined;
    markCopy(state, name, node);
  }
  state.dirty.deployments.add(name);
  state.dirty.pools.add(name);
}

/** Has those instances of a deployment looked at that wait for their turn: something about their rollout changed. */
export function markWaiting(state: FleetState, name: string): void {
  state.dirty.deployments.add(name);
  state.dirty.pools.add(name);
  for (const [node, copy] of state.copies.get(name) ?? []) {
    if (copy.waitsInGroup !== undefined) state.dirty.groups.add(copy.waitsInGroup);
    else if (copy.instance.upgrade !== undefined) markGroupOf(state, node);
  }
}
