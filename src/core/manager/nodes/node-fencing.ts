/** Fencing of nodes, and nodes that are registered no longer. */
import type { Epoch, NodeId } from "../../ids.ts";
import { isOffline, type ManagedNode } from "../../model/node.ts";
import { after, type InstantMs } from "../../time.ts";
import {
  type Context,
  isUp,
  markNodeDirty,
  markWaitingDirty,
  nodeOf,
  setNodeState,
} from "../context.ts";
import { dropNode, putNode } from "../memory/mirror.ts";
import { holdsFailover } from "../policy/freeze.ts";
import type { ManagerState } from "../state.ts";

/**
 * Asks for the node's fencing: it is shown as `fence`, and once its lease is gone its epoch is to be bumped on that
 * condition (S4). One that is offline by a person's word is left alone.
 */
export function requestFencing(context: Context, id: NodeId): void {
  const { state } = context;
  if (holdsFailover(state)) return;
  const node = nodeOf(context, id);
  if (isOffline(node)) return;
  if (node.state === "unknown" || node.state === "maintenance") {
    setNodeState(context, id, {
      to: "fence",
      reason: { code: "fencing-needed", node: id, epoch: node.epoch },
    });
  }
  if (node.leaseEpoch !== undefined || state.fencing.has(id)) return;
  state.fencing.add(id);
  context.effects.push({ kind: "fence-node", node: id, epoch: node.epoch });
}

/** The lease of a node that is being fenced has ended: its epoch is ended too, whoever still needs that. */
export function releaseFence(context: Context, id: NodeId): void {
  const node = nodeOf(context, id);
  if (node.state === "fence") requestFencing(context, id);
}

/** Fencing is acknowledged: nothing of an older epoch can write or run any more. */
export function fencedNode(
  context: Context,
  { node: id, epoch }: { readonly node: NodeId; readonly epoch: Epoch },
): void {
  const { state } = context;
  const node = nodeOf(context, id);
  state.fencing.delete(id);
  if (epoch > node.epoch) putNode(state, { ...node, epoch });
  if (node.state === "fence") {
    setNodeState(context, id, {
      to: "unknown",
      reason: { code: "fenced", node: id, epoch: node.epoch },
    });
  }
  markNodeDirty(state, id);
}

/** A node's registration is gone: it is `gone` when it is not up, and forgotten after a while. */
export function removedNode(context: Context, id: NodeId): void {
  const { state } = context;
  const node = state.nodes.get(id);
  const isPurged = state.purging === id;
  if (isPurged) state.purging = undefined;
  if (node === undefined) return;
  state.gone.add(id);
  state.registered.delete(id);
  state.rulebookStale = true;
  putNode(state, { ...node, goneAtMs: context.now, lostAtMs: node.lostAtMs ?? context.now });
  if (!state.loaded) return;
  markWaitingDirty(state); // what waits for its volumes there is free
  if (isUp(context, id)) return;
  if (node.state !== "gone" && node.state !== "fence") {
    const lostForMs = context.now - (node.lostAtMs ?? context.now);
    const reason = isPurged
      ? ({ code: "node-purged", node: id, lostForMs } as const)
      : ({ code: "node-removed", node: id } as const);
    setNodeState(context, id, { to: "gone", reason });
  }
  markNodeDirty(state, id);
}

/** Forgets nodes that have been gone for the set time and carry nothing any more. */
export function forgetGoneNodes(context: Context): void {
  const { state } = context;
  for (const id of [...state.gone]) {
    const node = nodeOf(context, id);
    if (node.goneAtMs === undefined || context.now < dueAt(state, node.goneAtMs)) continue;
    if (!mayBeForgotten(state, node)) continue;
    dropNode(state, id);
    context.nodeChanges.delete(id);
    context.effects.push({
      kind: "forget-node",
      node: id,
      reason: { code: "node-forgotten", node: id },
    });
  }
}

/** When the next node may be forgotten. */
export function nextForgetAt(state: ManagerState): InstantMs | undefined {
  let next: InstantMs | undefined;
  for (const id of state.gone) {
    const node = state.nodes.get(id);
    if (node?.goneAtMs === undefined || !mayBeForgotten(state, node)) continue;
    const at = dueAt(state, node.goneAtMs);
    if (next === undefined || at < next) next = at;
  }
  return next;
}

function mayBeForgotten(state: ManagerState, node: ManagedNode): boolean {
  return node.leaseEpoch === undefined && (state.servicesOn.get(node.id)?.size ?? 0) === 0;
}

function dueAt(state: ManagerState, goneAtMs: InstantMs): InstantMs {
  return after(goneAtMs, state.settings.goneAfterMs);
}
