/** Decides about the agent of one node: whether it is to be upgraded, and how far that has come. */

import { spanOf } from "../../explain/sentences/words.ts";
import type { NodeId } from "../../ids.ts";
import { emit, type FleetContext } from "../context.ts";
import { setAgentWaiting } from "../memory/agents.ts";
import { setAlarm } from "../memory/alarms.ts";
import {
  groupOf,
  inMaintenance,
  isFenced,
  isHeard,
  isOnline,
  isPutOffline,
} from "../memory/nodes.ts";
import type { AgentUpgrade, ManagementPolicy } from "../model/agent-upgrade.ts";
import type { FleetRegistration } from "../model/fleet-node.ts";
import type { FleetState } from "../state.ts";
import { endInstall, forgetUpgrade, nextUpgradeId, putUpgrade } from "./change.ts";
import { type Goal, goalOf, isWindowOver, momentOf, policiesFor, windowEndOf } from "./goal.ts";

/** Agents that download at a time. */
export const fetchesMax = 50;

/** Looks at the agent of a node. */
export function judgeAgent(context: FleetContext, id: NodeId): void {
  const { state } = context;
  const node = state.nodes.get(id);
  const upgrade = state.agentUpgrades.get(id);
  state.waitingToFetch.delete(id);
  if (node === undefined) {
    setAlarm(state.alarms, { kind: "agent", node: id }, undefined);
    state.conflicts.delete(id);
    if (upgrade !== undefined) forgetUpgrade(context, upgrade);
    return;
  }
  if (upgrade?.order === "install") {
    followInstall(context, node, upgrade);
    return;
  }
  if (upgrade?.state === "unknown") {
    if (!isOnline(state, id)) return; // nobody knows before it is heard
    // It is asked under the same identity: what it has tried already it does not try again.
    const asked = { ...upgrade, order: "fetch", state: "waiting", detail: "" } as const;
    if (!resolveUnknown(context, node, upgrade)) putUpgrade(context, asked);
  }
  const policies = policiesFor(state, node);
  tellConflict(context, node, policies);
  const [policy] = policies;
  const known = state.agentUpgrades.get(id);
  const goal = policy && goalOf(state, policy, node.agentVersion);
  if (policy === undefined || goal === undefined) {
    setAlarm(state.alarms, { kind: "agent", node: id }, undefined);
    if (known !== undefined && isAskedAfter(known, node)) {
      putUpgrade(context, { ...known, order: "none", state: "success", detail: "" });
    } else if (known !== undefined && !isKept(state, known)) forgetUpgrade(context, known);
    return;
  }
  pursue(context, { node, policy, goal, known });
}

/** It was lost in the middle of its upgrade, was asked what became of it, and is what it was to be. */
function isAskedAfter({ order, to }: AgentUpgrade, { agentVersion }: FleetRegistration): boolean {
  return order === "fetch" && to === agentVersion;
}

/** What is over is kept for people to see, as long as there is its policy. */
function isKept(state: FleetState, upgrade: AgentUpgrade): boolean {
  const isOver = isFinal(upgrade) || upgrade.state === "unknown";
  return upgrade.order === "none" && isOver && state.policies.has(upgrade.policy);
}

function isFinal({ state }: Pick<AgentUpgrade, "state">): boolean {
  return state === "success" || state === "failed" || state === "rolled-back";
}

/** The agent's word about this very upgrade. */
function wordOf(state: FleetState, { node, id }: AgentUpgrade) {
  const report = state.agentReports.get(node);
  return report?.id === id ? report : undefined;
}

function followInstall(
  context: FleetContext,
  node: FleetRegistration,
  upgrade: AgentUpgrade,
): void {
  const { state } = context;
  if (isFenced(state, node.id)) {
    const detail = "the node was lost and fenced in the middle of it";
    endInstall(context, upgrade, { state: "unknown", detail });
    return;
  }
  const word = wordOf(state, upgrade);
  if (word?.state === "initiated") putUpgrade(context, { ...upgrade, detail: word.detail });
  if (word === undefined || !isFinal(word)) return;
  const isThere = isHeard(state, node.id) && node.agentVersion === upgrade.to;
  if (word.state === "success" && !isThere) return; // not before it is heard, and as what it is to be
  endInstall(context, upgrade, { state: word.state, detail: word.detail });
}

/** The node is back: what has become of its upgrade? The answer: that is known. */
function resolveUnknown(
  context: FleetContext,
  node: FleetRegistration,
  upgrade: AgentUpgrade,
): boolean {
  const word = wordOf(context.state, upgrade);
  if (node.agentVersion === upgrade.to) {
    putUpgrade(context, { ...upgrade, state: "success", detail: "" });
    return true;
  }
  if (word === undefined || !isFinal(word) || word.state === "success") return false;
  putUpgrade(context, { ...upgrade, state: word.state, detail: word.detail });
  return true;
}

interface Pursuit {
  readonly node: FleetRegistration;
  readonly policy: ManagementPolicy;
  readonly goal: Goal;
  readonly known: AgentUpgrade | undefined;
}

function pursue(context: FleetContext, pursuit: Pursuit): void {
  const { state, now } = context;
  const { node, policy, goal, known } = pursuit;
  const isSame = known !== undefined && isOfGoal(known, policy, goal);
  const momentMs = momentOf(policy, node);
  const nextMs = momentMs > now ? momentMs : windowEndOf(policy);
  const alarmMs = nextMs !== undefined && nextMs > now ? nextMs : undefined;
  setAlarm(state.alarms, { kind: "agent", node: node.id }, alarmMs);
  if (
    isSame &&
    known.order === "none" &&
    (known.state === "failed" || known.state === "rolled-back")
  ) {
    return; // not tried again until something has changed
  }
  if (isSame && known.order === "fetch") {
    followFetch(context, pursuit, known);
    return;
  }
  const detail = whyNotFetch(context, pursuit, momentMs);
  if (detail !== undefined || goal.package === undefined) {
    putUpgrade(context, fresh(context, pursuit, { order: "none", id: "", detail: detail ?? "" }));
    return;
  }
  const order = { order: "fetch", id: nextUpgradeId(state), detail: "" } as const;
  putUpgrade(context, fresh(context, pursuit, order));
}

function isOfGoal(known: AgentUpgrade, policy: ManagementPolicy, goal: Goal): boolean {
  return (
    known.policy === policy.name &&
    known.generation === policy.generation &&
    known.to === goal.version &&
    known.package?.sha256 === goal.package?.sha256
  );
}

function fresh(
  { now }: FleetContext,
  { node, policy, goal }: Pursuit,
  what: Pick<AgentUpgrade, "order" | "id" | "detail">,
): AgentUpgrade {
  return {
    node: node.id,
    policy: policy.name,
    generation: policy.generation,
    from: node.agentVersion,
    to: goal.version,
    package: goal.package,
    state: "waiting",
    healthyWithinMs: policy.healthyWithinMs,
    sinceMs: now,
    ...what,
  };
}

/** Why the download does not begin now, as a sentence; undefined: it does. */
function whyNotFetch(
  { state, now }: FleetContext,
  { node, policy, goal }: Pursuit,
  momentMs: number,
): string | undefined {
  if (goal.package === undefined) return `there is no package of version ${goal.version}`;
  if (isWindowOver(policy, now)) return "the policy's window is over";
  if (now < momentMs) {
    return `its moment is ${spanOf(momentMs - policy.startAtMs)} after the policy's start`;
  }
  if (!state.armed) return "the cluster is disarmed";
  if (state.frozen) return "the cluster is frozen";
  if (inMaintenance(state, node.id)) return "the node is in maintenance";
  if (isPutOffline(state, node.id)) return "a person has put the node offline";
  if (!isOnline(state, node.id)) return "the node is offline";
  if (state.fetching.size < fetchesMax) return undefined;
  state.waitingToFetch.add(node.id);
  return `${fetchesMax} nodes are downloading already`;
}

/** Follows the agent's word while it downloads; when it has, it waits for its turn. */
function followFetch(context: FleetContext, { node }: Pursuit, known: AgentUpgrade): void {
  const { state } = context;
  const word = wordOf(state, known);
  if (word?.state === "failed" || word?.state === "rolled-back") {
    putUpgrade(context, { ...known, order: "none", state: word.state, detail: word.detail });
    return;
  }
  if (word?.state === "download-started" && known.state === "waiting") {
    putUpgrade(context, { ...known, state: "download-started" });
  } else if (word?.state === "downloaded" && known.state !== "downloaded") {
    putUpgrade(context, { ...known, state: "downloaded", detail: "" });
  }
  const isReady = state.agentUpgrades.get(node.id)?.state === "downloaded";
  setAgentWaiting(state, node.id, isReady ? (groupOf(state, node.id) ?? "") : undefined);
  if (isReady) state.dirty.agentPools = true;
}

/** More than one policy chooses the node: said once. */
function tellConflict(
  context: FleetContext,
  node: FleetRegistration,
  policies: readonly ManagementPolicy[],
): void {
  const { state } = context;
  const names = policies.map(({ name }) => name);
  const key = names.join();
  if (names.length < 2) {
    state.conflicts.delete(node.id);
    return;
  }
  if (state.conflicts.get(node.id) === key) return;
  state.conflicts.set(node.id, key);
  const reason = { code: "policy-conflict", node: node.id, policies: names } as const;
  emit(context, [{ kind: "tell", about: "node", subject: node.id, reason }]);
}
