/** What happens to nodes: leases come and go, people and agents ask for things. `docs/states/node.md`. */
import { type Epoch, epochOf, type NodeId } from "../../ids.ts";
import {
  type AgentMode,
  type ManagedNode,
  type NodeRegistration,
  type NodeState,
  wantsMaintenance,
} from "../../model/node.ts";
import type { NodeMode } from "../../model/node-mode.ts";
import { after, type InstantMs } from "../../time.ts";
import { type Context, markNodeDirty, markWaitingDirty, nodeOf, setNodeState } from "../context.ts";
import { putNode } from "../memory/mirror.ts";
import type { ManagerState } from "../state.ts";
import { releaseFence } from "./node-fencing.ts";

interface NodeAndEpoch {
  readonly node: NodeId;
  readonly epoch: Epoch;
}

/** A node was registered or its registration changed. */
export function changeNode(context: Context, registration: NodeRegistration): void {
  const { state } = context;
  const { id } = registration;
  const known = nodeOrNew(context, id);
  putNode(state, { ...known, ...registration, goneAtMs: undefined });
  state.gone.delete(id);
  state.registered.add(id);
  if (state.loaded && known.mode !== registration.mode) changedByOrder(context, id, known.mode);
  if (state.loaded) followWishes(context, id);
  markNodeDirty(state, id);
  if (!state.loaded) return;
  markWaitingDirty(state);
  if (known.taints.join() !== registration.taints.join()) beOpenAgain(context, id);
}

/** What was lost while nobody watched it is lost from now on, with all that is waited for (S1, S4). */
function changedByOrder(context: Context, id: NodeId, before: NodeMode): void {
  const { state, now } = context;
  const node = nodeOf(context, id);
  const { mode, lostAtMs } = node;
  context.effects.push({
    kind: "announce",
    subject: id,
    reason: { code: "node-mode", node: id, mode },
  });
  if (before === "offline" && lostAtMs !== undefined) {
    putNode(state, { ...node, lostAtMs: now });
    if (state.settings.suspectMs > 0) state.suspects.add(id);
  }
  state.rulebookStale = true;
  beOpenAgain(context, id);
}

/** The store granted the node a lease: it is online, and whatever it ran in an older epoch is over. */
export function grantedLease(
  context: Context,
  { node: id, epoch, resetsOnLoss }: NodeAndEpoch & { readonly resetsOnLoss?: boolean },
): void {
  const { state } = context;
  const node = nodeOrNew(context, id);
  if (node.leaseEpoch === epoch) {
    putNode(state, { ...node, resetsOnLoss: resetsOnLoss ?? false }); // the same lease, written anew
    return;
  }
  state.fencing.delete(id);
  state.suspects.delete(id);
  putNode(state, {
    ...node,
    epoch: epochOf(Math.max(node.epoch, epoch)),
    leaseEpoch: epoch,
    resetsOnLoss: resetsOnLoss ?? false,
    lostAtMs: undefined,
  });
  if (state.loaded) followUp(context, id);
}

/** The store has no lease of the node any more. Only the lease that is known to be held can be lost. */
export function lostLease(context: Context, { node: id, epoch }: NodeAndEpoch): void {
  const { state } = context;
  const node = state.nodes.get(id);
  if (node === undefined || node.leaseEpoch !== epoch) return;
  if (node.resetsOnLoss) state.resets.set(id, epoch);
  const lostAtMs = node.lostAtMs ?? context.now;
  putNode(state, { ...node, leaseEpoch: undefined, resetsOnLoss: false, lostAtMs });
  if (!state.loaded) return;
  if (node.state === "fence") {
    markNodeDirty(state, id);
    releaseFence(context, id);
    return;
  }
  beUnknown(context, id, { code: "lease-lost", node: id, epoch });
}

/** The node is silent, although its lease may live still. */
export function missedNode(context: Context, id: NodeId): void {
  const { state } = context;
  const node = state.nodes.get(id);
  if (node?.leaseEpoch === undefined || node.lostAtMs !== undefined) return;
  putNode(state, { ...node, lostAtMs: context.now });
  if (!state.loaded) return;
  beUnknown(context, id, { code: "node-missed", node: id });
}

/** The holder of the node's lease is heard again before that has ended: nothing was lost. */
export function seenNode(context: Context, id: NodeId): void {
  const { state } = context;
  const node = state.nodes.get(id);
  if (node?.leaseEpoch === undefined || node.lostAtMs === undefined) return;
  putNode(state, { ...node, lostAtMs: undefined });
  state.suspects.delete(id);
  if (state.loaded) followUp(context, id);
}

/** An agent said what it is about to do. */
export function changedMode(context: Context, id: NodeId, mode: AgentMode): void {
  const { state } = context;
  const node = nodeOrNew(context, id);
  if (node.agentMode === mode) return;
  putNode(state, { ...node, agentMode: mode });
  if (!state.loaded) return;
  followWishes(context, id);
  markNodeDirty(state, id);
  if (mode === "active") beOpenAgain(context, id);
}

/** It takes services again that it was closed to: those that would go there are looked at. */
function beOpenAgain(context: Context, id: NodeId): void {
  if (nodeOf(context, id).state === "online") becameOnline(context, id);
}

/** While loading: the node's state as the last manager wrote it, and its epoch. */
export function loadNodeState(
  context: Context,
  loaded: NodeAndEpoch & { readonly state: NodeState },
): void {
  const node = nodeOrNew(context, loaded.node);
  const epoch = epochOf(Math.max(node.epoch, loaded.epoch));
  putNode(context.state, { ...node, state: loaded.state, epoch });
}

/** The end of loading: states follow from the leases that there are. */
export function finishLoadingNodes(context: Context): void {
  const { state } = context;
  for (const { id } of [...state.nodes.values()]) {
    if (!state.registered.has(id)) markGone(context, id);
    const node = nodeOf(context, id);
    if (node.goneAtMs !== undefined && node.leaseEpoch === undefined) {
      putNode(state, { ...node, lostAtMs: context.now });
      if (node.state !== "gone") {
        const reason = { code: "node-removed", node: node.id } as const;
        setNodeState(context, node.id, { to: "gone", reason });
      }
      if (state.settings.suspectMs > 0) state.suspects.add(node.id);
    } else if (node.leaseEpoch !== undefined) {
      followUp(context, node.id);
    } else {
      if (node.epoch > 0) putNode(state, { ...node, lostAtMs: context.now });
      const wasUp = node.state === "online" || node.state === "fence";
      if (wasUp) {
        const reason = { code: "lease-lost", node: node.id, epoch: node.epoch } as const;
        setNodeState(context, node.id, { to: "unknown", reason });
      }
      if (state.settings.suspectMs > 0) state.suspects.add(node.id);
    }
  }
}

/** Its registration was removed while nobody was manager: the time until it is forgotten begins now. */
function markGone(context: Context, id: NodeId): void {
  const { state } = context;
  state.gone.add(id);
  putNode(state, { ...nodeOf(context, id), goneAtMs: context.now });
}

/** The suspect time may have changed: every lost node is looked at when the present one is over. */
export function suspectAnew(context: Context): void {
  const { state } = context;
  for (const { id, lostAtMs } of state.nodes.values())
    if (lostAtMs !== undefined) state.suspects.add(id);
  markOverdueSuspects(context);
}

/** Nodes whose suspect time is over: their services are looked at. */
export function markOverdueSuspects(context: Context): void {
  const { state } = context;
  for (const id of [...state.suspects]) {
    const lostAtMs = state.nodes.get(id)?.lostAtMs;
    if (lostAtMs !== undefined && context.now < lostAtMs + state.settings.suspectMs) continue;
    state.suspects.delete(id);
    markNodeDirty(state, id);
  }
}

/** When the next suspect time is over. */
export function nextSuspectAt(state: ManagerState): InstantMs | undefined {
  let next: InstantMs | undefined;
  for (const id of state.suspects) {
    const lostAtMs = state.nodes.get(id)?.lostAtMs;
    if (lostAtMs === undefined) continue;
    const at = after(lostAtMs, state.settings.suspectMs);
    if (next === undefined || at < next) next = at;
  }
  return next;
}

/** Brings the state of a node that is up, or in maintenance, in line with what is asked of it. */
function followWishes(context: Context, id: NodeId): void {
  const { state } = context;
  const node = nodeOf(context, id);
  const wants = wantsMaintenance(node);
  if (node.state === "online" && wants) {
    setNodeState(context, id, { to: "maintenance", reason: maintenanceReason(node) });
  } else if (node.state === "maintenance" && !wants) {
    const isUp = node.leaseEpoch !== undefined && node.lostAtMs === undefined;
    const reason = { code: "maintenance-ended", node: id } as const;
    setNodeState(context, id, { to: isUp ? "online" : "unknown", reason });
    returnAtOnce(state, id);
    if (isUp) becameOnline(context, id);
  } else return;
  markNodeDirty(context.state, id);
}

/** That their last move is not long ago does not hold up those that left for the maintenance. */
function returnAtOnce(state: ManagerState, id: NodeId): void {
  for (const service of state.returningTo.get(id) ?? []) state.retryAt.delete(service);
}

function maintenanceReason(node: ManagedNode) {
  const by = node.maintenance ? "person" : "shutdown";
  return { code: "maintenance", node: node.id, by } as const;
}

/** A node holds a lease and is heard: online, or in maintenance if that is asked. */
function followUp(context: Context, id: NodeId): void {
  const node = nodeOf(context, id);
  const epoch = node.leaseEpoch ?? node.epoch;
  const to = wantsMaintenance(node) ? "maintenance" : "online";
  if (node.state !== to) {
    const reason = { code: "lease-granted", node: id, epoch } as const;
    setNodeState(context, id, {
      to,
      reason: to === "maintenance" ? maintenanceReason(node) : reason,
    });
  }
  if (to === "online") becameOnline(context, id);
  else markWaitingDirty(context.state); // its own instances start there in maintenance too
  markNodeDirty(context.state, id);
}

function becameOnline(context: Context, id: NodeId): void {
  const { state } = context;
  markWaitingDirty(state);
  for (const service of state.returningTo.get(id) ?? []) state.dirty.add(service);
  for (const [service, affinity] of state.rulebook.nodeAffinity) {
    if (affinity.priorities.has(id)) state.dirty.add(service);
  }
}

function beUnknown(
  context: Context,
  id: NodeId,
  reason: Parameters<typeof setNodeState>[2]["reason"],
): void {
  const { state } = context;
  const node = nodeOf(context, id);
  if (node.state === "online") setNodeState(context, id, { to: "unknown", reason });
  if (state.settings.suspectMs > 0) state.suspects.add(id);
  else markNodeDirty(state, id);
}

function nodeOrNew(context: Context, id: NodeId): ManagedNode {
  return (
    context.state.nodes.get(id) ?? {
      id,
      confirmedOffEpoch: epochOf(0),
      maintenance: false,
      mode: "enabled",
      capacity: undefined,
      taints: [],
      state: "unknown",
      epoch: epochOf(0),
      leaseEpoch: undefined,
      resetsOnLoss: false,
      lostAtMs: undefined,
      agentMode: "active",
      goneAtMs: undefined,
    }
  );
}
