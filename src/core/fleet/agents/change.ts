/** The writes that the upgrades of agents are changed with. */
import { emit, type FleetContext, markNode } from "../context.ts";
import type { FleetWrite } from "../effect.ts";
import { slotBack } from "../instances/change.ts";
import { dropAgentUpgrade, setAgentUpgrade, setAgentWaiting } from "../memory/agents.ts";
import type { AgentUpgrade } from "../model/agent-upgrade.ts";
import type { FleetState } from "../state.ts";

/** Writes the upgrade in its new shape, and tells of it when its state is another one. */
export function putUpgrade(
  context: FleetContext,
  next: AgentUpgrade,
  writes: readonly FleetWrite[] = [],
): void {
  const { state, now } = context;
  const before = state.agentUpgrades.get(next.node);
  const isSameState = before?.state === next.state && before.id === next.id;
  const isSame = isSameState && before.detail === next.detail && before.order === next.order;
  if (isSame && before.to === next.to && before.policy === next.policy && writes.length === 0) {
    return;
  }
  const upgrade = { ...next, sinceMs: isSameState ? before.sinceMs : now };
  setAgentUpgrade(state, upgrade);
  if (upgrade.order !== "fetch" || upgrade.state !== "downloaded") {
    setAgentWaiting(state, upgrade.node, undefined);
  }
  const told = isSameState ? [] : [tellOf(upgrade)];
  emit(context, [{ kind: "put-agent-upgrade", upgrade }, ...writes, ...told]);
}

function tellOf(upgrade: AgentUpgrade): FleetWrite {
  const { node, policy, from, to, state, detail } = upgrade;
  const reason = { code: "agent-upgrade", node, policy, from, to, state, detail } as const;
  return { kind: "tell", about: "node", subject: node, reason };
}

/** The upgrade is over: the slot is free again. */
export function endInstall(
  context: FleetContext,
  upgrade: AgentUpgrade,
  end: Pick<AgentUpgrade, "state" | "detail">,
): void {
  const { state } = context;
  const next: AgentUpgrade = { ...upgrade, ...end, order: "none" };
  // In memory first: the node is in no upgrade any more when its slot is asked about.
  const before = state.agentUpgrades.get(upgrade.node);
  setAgentUpgrade(state, next);
  const slot = slotBack(state, upgrade.node);
  if (before !== undefined) setAgentUpgrade(state, before);
  putUpgrade(context, next, slot);
  state.dirty.agentPools = true;
  markNode(state, upgrade.node, "as-it-is");
}

/** Nothing is wanted of the node's agent any more. */
export function forgetUpgrade(context: FleetContext, upgrade: AgentUpgrade): void {
  const { state } = context;
  const { node } = upgrade;
  dropAgentUpgrade(state, node);
  setAgentWaiting(state, node, undefined);
  const slot = slotBack(state, node);
  emit(context, [{ kind: "forget-agent-upgrade", node }, ...slot]);
  state.dirty.agentPools = true;
}

/** An identity that no other upgrade has. */
export function nextUpgradeId(state: FleetState): string {
  state.uidCount += 1;
  return `${state.uidPrefix}-u${state.uidCount}`;
}
