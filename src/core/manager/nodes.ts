/** What happens to nodes: leases come and go, fencing is asked for and acknowledged. `docs/states/node.md`. */
import { type Epoch, epochOf, type NodeId } from "../ids.ts";
import type { ManagedNode, NodeRegistration, NodeState } from "../model/node.ts";
import { after, type InstantMs } from "../time.ts";
import { type Context, markNodeDirty, nodeOf, setNodeState } from "./context.ts";
import type { ManagerState } from "./state.ts";

interface NodeAndEpoch {
  readonly node: NodeId;
  readonly epoch: Epoch;
}

/** A node was registered or its registration changed. */
export function changeNode(context: Context, registration: NodeRegistration): void {
  const known = nodeOrNew(context, registration.id);
  context.state.nodes.set(registration.id, { ...known, ...registration });
  markNodeDirty(context.state, registration.id);
}

/** A node's registration is gone: forgotten at once when nothing is placed there, else state `gone`. */
export function removedNode(context: Context, id: NodeId): void {
  const node = context.state.nodes.get(id);
  if (node === undefined) return;
  if ((context.state.servicesOn.get(id)?.size ?? 0) === 0) {
    context.state.nodes.delete(id);
    context.state.suspects.delete(id);
    context.state.fencing.delete(id);
  } else if (node.leaseEpoch === undefined && node.state !== "gone") {
    context.state.nodes.set(id, { ...node, state: "gone" });
  }
}

/** The store granted the node a lease: it is online, and whatever it ran in an older epoch is over. */
export function grantedLease(context: Context, { node: id, epoch }: NodeAndEpoch): void {
  const { state } = context;
  const node = nodeOrNew(context, id);
  state.fencing.delete(id);
  state.suspects.delete(id);
  state.nodes.set(id, {
    ...node,
    epoch: epochOf(Math.max(node.epoch, epoch)),
    leaseEpoch: epoch,
    lostAtMs: undefined,
  });
  if (!state.loaded) return;
  if (node.state !== "online" && node.state !== "maintenance") {
    setNodeState(context, id, {
      to: "online",
      reason: { code: "lease-granted", node: id, epoch },
    });
  }
  markNodeDirty(state, id);
  for (const service of state.waiting) state.dirty.add(service);
}

/** The store has no lease of the node any more. Only the lease that is known to be held can be lost. */
export function lostLease(context: Context, { node: id, epoch }: NodeAndEpoch): void {
  const { state } = context;
  const node = state.nodes.get(id);
  if (node === undefined || node.leaseEpoch !== epoch) return;
  state.nodes.set(id, { ...node, leaseEpoch: undefined, lostAtMs: context.now });
  if (!state.loaded) return;
  if (node.state !== "maintenance") {
    setNodeState(context, id, { to: "unknown", reason: { code: "lease-lost", node: id, epoch } });
  }
  if (state.settings.suspectMs > 0) state.suspects.add(id);
  else markNodeDirty(state, id);
}

/** Asks for the node's fencing, once: its epoch is to be bumped on the condition that its lease is gone (S4). */
export function requestFencing(context: Context, id: NodeId): void {
  const { state } = context;
  const node = nodeOf(context, id);
  if (node.leaseEpoch !== undefined || state.fencing.has(id)) return;
  state.fencing.add(id);
  if (node.state === "unknown") {
    setNodeState(context, id, {
      to: "fence",
      reason: { code: "fencing-needed", node: id, epoch: node.epoch },
    });
  }
  context.effects.push({ kind: "fence-node", node: id, epoch: node.epoch });
}

/** Fencing is acknowledged: nothing of an older epoch can write or run any more. */
export function fencedNode(context: Context, { node: id, epoch }: NodeAndEpoch): void {
  const { state } = context;
  const node = nodeOf(context, id);
  state.fencing.delete(id);
  if (epoch > node.epoch) state.nodes.set(id, { ...node, epoch });
  if (node.state === "fence") {
    const ended = node.epoch;
    setNodeState(context, id, {
      to: "unknown",
      reason: { code: "fenced", node: id, epoch: ended },
    });
  }
  markNodeDirty(state, id);
}

/** While loading: the node's state as the last manager wrote it, and its epoch. */
export function loadNodeState(
  context: Context,
  loaded: NodeAndEpoch & { readonly state: NodeState },
): void {
  const node = nodeOrNew(context, loaded.node);
  const epoch = epochOf(Math.max(node.epoch, loaded.epoch));
  context.state.nodes.set(loaded.node, { ...node, state: loaded.state, epoch });
}

/** The end of loading: states follow from the leases that there are. */
export function finishLoadingNodes(context: Context): void {
  const { state } = context;
  for (const node of [...state.nodes.values()]) {
    if (node.leaseEpoch !== undefined) {
      const reason = { code: "lease-granted", node: node.id, epoch: node.leaseEpoch } as const;
      const isUp = node.state === "online" || node.state === "maintenance";
      if (!isUp) setNodeState(context, node.id, { to: "online", reason });
      continue;
    }
    if (node.epoch > 0) state.nodes.set(node.id, { ...node, lostAtMs: context.now });
    if (state.settings.suspectMs > 0) state.suspects.add(node.id);
    if (node.state === "online" || node.state === "fence") {
      const reason = { code: "lease-lost", node: node.id, epoch: node.epoch } as const;
      setNodeState(context, node.id, { to: "unknown", reason });
    }
  }
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

function nodeOrNew(context: Context, id: NodeId): ManagedNode {
  return (
    context.state.nodes.get(id) ?? {
      id,
      confirmedOffEpoch: epochOf(0),
      state: "unknown",
      epoch: epochOf(0),
      leaseEpoch: undefined,
      lostAtMs: undefined,
    }
  );
}
