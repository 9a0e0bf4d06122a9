/** Takes what is told of nodes, HA groups, policies and agents into the mirror, and marks what it may change. */
import { assertNever } from "../assert.ts";
import type { NodeId } from "../ids.ts";
import { markCopy, markGroupOf, markNode } from "./context.ts";
import type { FleetEvent } from "./event.ts";
import { addTo, removeFrom } from "./memory/copies.ts";
import { nodeKeyOf } from "./memory/key.ts";
import type { FleetRegistration } from "./model/fleet-node.ts";
import type { FleetState } from "./state.ts";

type NodeEvent = Extract<
  FleetEvent,
  {
    kind:
      | "fleet-node-changed"
      | "fleet-node-removed"
      | "fleet-epoch"
      | "fleet-lease"
      | "ha-group-changed"
      | "ha-group-removed"
      | "ha-member-changed";
  }
>;

/** Applies an event about a node or an HA group. */
export function applyNodeEvent(state: FleetState, event: NodeEvent): void {
  switch (event.kind) {
    case "fleet-node-changed":
      changeNode(state, event.node);
      return;
    case "fleet-node-removed":
      state.nodes.delete(event.node);
      state.nodeKeys.delete(event.node);
      markNode(state, event.node, "stale");
      return;
    case "fleet-epoch":
      state.epochs.set(event.node, { epoch: event.epoch, fenced: event.fenced });
      markNode(state, event.node, "as-it-is");
      return;
    case "fleet-lease":
      if (event.epoch === undefined) state.leases.delete(event.node);
      else state.leases.set(event.node, event.epoch);
      markNode(state, event.node, "as-it-is");
      return;
    case "ha-group-changed":
      state.groups.set(event.group.name, event.group);
      markGroup(state, event.group.name);
      return;
    case "ha-group-removed":
      state.groups.delete(event.name);
      markGroup(state, event.name);
      return;
    case "ha-member-changed":
      changeMember(state, event.node, event.group);
      return;
    default:
      assertNever(event);
  }
}

function changeNode(state: FleetState, node: FleetRegistration): void {
  const key = nodeKeyOf(node);
  const known = state.nodes.get(node.id);
  const isSame =
    known !== undefined && known.mode === node.mode && state.nodeKeys.get(node.id) === key;
  state.nodes.set(node.id, node);
  state.nodeKeys.set(node.id, key);
  markNode(state, node.id, isSame ? "as-it-is" : "stale");
}

function changeMember(state: FleetState, node: NodeId, group: string | undefined): void {
  const before = state.groupOf.get(node);
  if (before === group) return;
  if (before !== undefined) {
    removeFrom(state.members, before, node);
    state.dirty.groups.add(before);
  }
  if (group === undefined) state.groupOf.delete(node);
  else {
    state.groupOf.set(node, group);
    addTo(state.members, group, node);
  }
  markNode(state, node, "as-it-is");
  markPools(state, node);
}

/** Who is in it, or whether there is such a group, has changed for all that have its name. */
function markGroup(state: FleetState, group: string): void {
  state.dirty.groups.add(group);
  for (const node of state.members.get(group) ?? []) {
    markNode(state, node, "as-it-is");
    markPools(state, node);
  }
}

function markPools(state: FleetState, node: NodeId): void {
  for (const deployment of state.copiesOn.get(node) ?? []) {
    state.dirty.pools.add(deployment);
    markCopy(state, deployment, node);
  }
}

type AgentEvent = Extract<
  FleetEvent,
  {
    kind:
      | "policy-changed"
      | "policy-removed"
      | "package-added"
      | "package-removed"
      | "agent-upgrade-report"
      | "agent-upgrade-loaded";
  }
>;

/** Applies an event about policies, packages or the upgrade of an agent. */
export function applyAgentEvent(state: FleetState, event: AgentEvent): void {
  switch (event.kind) {
    case "policy-changed":
      state.policies.set(event.policy.name, event.policy);
      markAgents(state);
      return;
    case "policy-removed":
      state.policies.delete(event.name);
      markAgents(state);
      return;
    case "package-added":
      state.packages.set(event.package.sha256, event.package);
      markAgents(state);
      return;
    case "package-removed":
      state.packages.delete(event.sha256);
      markAgents(state);
      return;
    case "agent-upgrade-report":
      state.agentReports.set(event.report.node, event.report);
      state.dirty.agents.add(event.report.node);
      return;
    case "agent-upgrade-loaded":
      if (!state.loaded) state.agentUpgrades.set(event.upgrade.node, event.upgrade);
      markGroupOf(state, event.upgrade.node);
      return;
    default:
      assertNever(event);
  }
}

function markAgents(state: FleetState): void {
  for (const node of state.nodes.keys()) state.dirty.agents.add(node);
  for (const node of state.agentUpgrades.keys()) state.dirty.agents.add(node);
}
