/** Upgrades of agents in memory, with the indexes over them. */
import type { NodeId } from "../../ids.ts";
import type { AgentUpgrade } from "../model/agent-upgrade.ts";
import type { FleetState } from "../state.ts";
import { addTo, removeFrom } from "./copies.ts";

/** Puts a node's upgrade into memory. */
export function setAgentUpgrade(state: FleetState, upgrade: AgentUpgrade): void {
  unindex(state, upgrade.node);
  state.agentUpgrades.set(upgrade.node, upgrade);
  indexAgent(state, upgrade);
}

/** Forgets a node's upgrade. */
export function dropAgentUpgrade(state: FleetState, node: NodeId): void {
  unindex(state, node);
  state.agentUpgrades.delete(node);
}

/** Notes who downloads and who installs. */
export function indexAgent(state: FleetState, upgrade: AgentUpgrade): void {
  const { node, order, policy } = upgrade;
  if (order === "install") addTo(state.installing, policy, node);
  if (order === "fetch" && upgrade.state !== "downloaded") state.fetching.add(node);
}

function unindex(state: FleetState, node: NodeId): void {
  const before = state.agentUpgrades.get(node);
  if (before !== undefined) removeFrom(state.installing, before.policy, node);
  const wasFetching = state.fetching.delete(node);
  if (!wasFetching) return;
  // There is room for one more.
  for (const waiting of state.waitingToFetch) state.dirty.agents.add(waiting);
}

/** Has the node's agent wait for its turn in its group ("": in none), or, undefined, not any more. */
export function setAgentWaiting(state: FleetState, node: NodeId, place: string | undefined): void {
  const before = state.agentWaitsIn.get(node);
  if (before === place) return;
  if (before !== undefined) removeFrom(state.agentsWaiting, before, node);
  if (place === undefined) {
    state.agentWaitsIn.delete(node);
    return;
  }
  state.agentWaitsIn.set(node, place);
  addTo(state.agentsWaiting, place, node);
  if (place === "") state.dirty.agentPools = true;
  else state.dirty.groups.add(place);
}
