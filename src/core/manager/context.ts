/**
 * One step in progress: the state, the instant, and the effects so far. The only place that changes a status or
 * a node's state, so that indexes, effects and the safety assertions cannot be forgotten.
 */
import { assert } from "../assert.ts";
import type { Reason } from "../explain/reason.ts";
import {
  type Epoch,
  type InstructionUid,
  instructionUidOf,
  type NodeId,
  type ServiceId,
} from "../ids.ts";
import type { EpochCondition } from "../model/epoch-condition.ts";
import { isOffline, type ManagedNode, type NodeState } from "../model/node.ts";
import { isMoving, isPlaced, type PlacedStatus, type ServiceStatus } from "../model/service.ts";
import { mutated } from "../mutation.ts";
import type { InstantMs } from "../time.ts";
import type { ManagerEffect, NodeTransition } from "./effect.ts";
import { dropService, putNode } from "./memory/mirror.ts";
import { retally } from "./memory/size.ts";
import { isPinned } from "./moves/pinned.ts";
import type { ManagerState } from "./state.ts";

interface StatusChange {
  readonly from: ServiceStatus | undefined;
  readonly path: ServiceStatus[];
  readonly conditions: EpochCondition[];
}

export interface Context {
  readonly state: ManagerState;
  readonly now: InstantMs;
  /** Effects other than states, in the order in which they were decided. */
  readonly effects: ManagerEffect[];
  readonly statusChanges: Map<ServiceId, StatusChange>;
  readonly nodeChanges: Map<NodeId, NodeTransition[]>;
}

/**
 * What a state's handler says: `changed` (look again), or `settled` (nothing to do now). A handler changes the
 * status through the context at most once before it returns `changed`.
 */
export type Verdict = "changed" | "settled";

/** Begins a step. */
export function createContext(state: ManagerState, now: InstantMs): Context {
  return { state, now, effects: [], statusChanges: new Map(), nodeChanges: new Map() };
}

/** A uid that no other instruction has or will have. */
export function nextUid(context: Context): InstructionUid {
  context.state.uidCount += 1;
  return instructionUidOf(`${context.state.uidPrefix}-${context.state.uidCount}`);
}

/** The node, which must be known: services are placed on registered nodes only. */
export function nodeOf(context: Context, id: NodeId): ManagedNode {
  const node = context.state.nodes.get(id);
  assert(node !== undefined, `a service's node "${id}" is registered`);
  return node;
}

/** Whether the node takes services. */
export function isOnline(context: Context, id: NodeId): boolean {
  return context.state.nodes.get(id)?.state === "online";
}

/** Whether the node holds a lease and is heard: what it is told it does. */
export function isUp(context: Context, id: NodeId): boolean {
  const node = context.state.nodes.get(id);
  return node !== undefined && node.leaseEpoch !== undefined && node.lostAtMs === undefined;
}

/** Whether nothing is decided about a service of the node: a person has put it offline. */
export function isLeftAlone(context: Context, { node }: PlacedStatus): boolean {
  const known = context.state.nodes.get(node);
  return known !== undefined && isOffline(known);
}

/**
 * Whether no copy under this status can be running any more (S1): its epoch is over and a copy cannot outlive
 * it (or the node was confirmed off), or its agent reported the stop under this very instruction.
 */
export function isDead(context: Context, status: PlacedStatus): boolean {
  const report = context.state.reports.get(status.service);
  if (report?.uid === status.uid && report.result === "stopped") return true;
  const { state } = context;
  const node = nodeOf(context, status.node);
  if (mutated("S4-silence") && node.lostAtMs !== undefined) return true;
  if (node.epoch <= status.nodeEpoch) return false;
  if (node.confirmedOffEpoch >= status.nodeEpoch || isRemoved(node)) return true;
  return !status.mayOutliveLease || (state.resets.get(status.node) ?? 0) >= status.nodeEpoch;
}

/**
 * Whether the node was taken out of the cluster: that is done only without a lease, when nothing that could outlive it
 * was there any more, and nothing can be started there since.
 */
function isRemoved({ goneAtMs, leaseEpoch }: ManagedNode): boolean {
  return goneAtMs !== undefined && leaseEpoch === undefined;
}

/**
 * Whether the node has been without a lease for the suspect time: its services need fencing. One that was taken out is
 * not waited for; one that is offline by a person's word is not lost, whatever its lease does.
 */
export function isLost(context: Context, id: NodeId): boolean {
  const node = nodeOf(context, id);
  if (isRemoved(node)) return true;
  if (node.lostAtMs === undefined || isOffline(node)) return false;
  return context.now >= node.lostAtMs + context.state.settings.suspectMs;
}

/** Writes a service's next status. `condition` is the fact about a lost node that it rests on (S4). */
export function setStatus(context: Context, next: ServiceStatus, condition?: EpochCondition): void {
  const { state } = context;
  const previous = state.statuses.get(next.service);
  if (previous !== undefined && isPlaced(previous) && isPlaced(next)) {
    const moved = previous.node !== next.node;
    const isHandMoved = next.reason.code === "located"; // a person's word (docs/safety.md)
    assert(
      !moved || isHandMoved || isDead(context, previous),
      "S1: a service leaves a node only when dead there",
    );
  }
  if (isPlaced(next) && next.survivesIsolation && next.state === "started") {
    assert(next.mayOutliveLease, "S1: a copy that the guard leaves alone may outlive the lease");
  }
  unindex(state, previous);
  state.statuses.set(next.service, next);
  index(state, next);
  retally(state, next.service);
  markNeighboursDirty(state, next.service);
  const change = context.statusChanges.get(next.service);
  const conditions = condition === undefined ? [] : [condition];
  if (change === undefined) {
    context.statusChanges.set(next.service, { from: previous, path: [next], conditions });
  } else {
    change.path.push(next);
    change.conditions.push(...conditions);
  }
}

/** Takes a status from the store into the mirror, while loading. */
export function loadStatus(state: ManagerState, status: ServiceStatus): void {
  unindex(state, state.statuses.get(status.service));
  state.statuses.set(status.service, status);
  index(state, status);
  retally(state, status.service);
}

/** Forgets a service altogether. */
export function forgetService(context: Context, service: ServiceId, reason: Reason): void {
  const { state } = context;
  const from = state.statuses.get(service);
  unindex(state, from);
  markNeighboursDirty(state, service);
  state.statuses.delete(service);
  dropService(state, service);
  retally(state, service);
  state.brake.inFlight.delete(service);
  state.reports.delete(service);
  state.commands.delete(service);
  state.dirty.delete(service);
  context.statusChanges.delete(service);
  context.effects.push({ kind: "forget-service", service, from, reason });
}

/** Changes a node's state; a no-op is a bug of the caller. */
export function setNodeState(
  context: Context,
  id: NodeId,
  next: { readonly to: NodeState; readonly reason: Reason },
): void {
  const node = nodeOf(context, id);
  assert(node.state !== next.to, `node "${id}" changes its state`);
  const transition = { from: node.state, ...next };
  putNode(context.state, { ...node, state: next.to });
  const path = context.nodeChanges.get(id);
  if (path === undefined) context.nodeChanges.set(id, [transition]);
  else path.push(transition);
}

/** Marks those to be looked at that depend on what this service does: by order, or by affinity. */
export function markNeighboursDirty(state: ManagerState, id: ServiceId): void {
  if (!state.loaded) return;
  const service = state.services.get(id);
  for (const other of dependentsOf(state, id)) state.dirty.add(other);
  for (const other of service?.after ?? []) state.dirty.add(other);
  for (const other of service?.requires ?? []) state.dirty.add(other);
  for (const other of state.rulebook.together.get(id) ?? []) state.dirty.add(other);
  for (const other of state.rulebook.apart.get(id) ?? []) state.dirty.add(other);
}

/** Those that wait for the service or cannot do without it, those that wait for them, and so on. */
function dependentsOf(state: ManagerState, id: ServiceId): Iterable<ServiceId> {
  const found = new Set<ServiceId>(state.dependentsOf.get(id));
  // A set that grows while it is walked through is walked to its end.
  for (const dependent of found) {
    for (const other of state.dependentsOf.get(dependent) ?? []) found.add(other);
  }
  return found;
}

/** Marks those to be looked at that found no node: there may be one now. */
export function markWaitingDirty(state: ManagerState): void {
  if (mutated("S9-forgotten-waiting")) return;
  for (const service of state.waiting) state.dirty.add(service);
}

/** Marks every service of a node to be looked at in this step. */
export function markNodeDirty(state: ManagerState, id: NodeId): void {
  for (const service of state.servicesOn.get(id) ?? []) state.dirty.add(service);
}

/** What an instruction about a placed service has in every state. */
export interface PlacedBase {
  readonly service: ServiceId;
  readonly uid: InstructionUid;
  readonly failedNodes: readonly NodeId[];
  readonly sinceMs: InstantMs;
  readonly node: NodeId;
  readonly nodeEpoch: Epoch;
  readonly survivesIsolation: boolean;
  readonly mayOutliveLease: boolean;
  readonly maintenanceNode?: NodeId | undefined;
  readonly boundTo?: NodeId | undefined;
  readonly suspended?: boolean | undefined;
  readonly clearLocks?: boolean | undefined;
}

/** The same place under a new uid, and under `nodeEpoch` if that is given. */
export function successor(context: Context, status: PlacedStatus, nodeEpoch?: Epoch): PlacedBase {
  return {
    service: status.service,
    uid: nextUid(context),
    failedNodes: status.failedNodes,
    sinceMs: context.now,
    node: status.node,
    nodeEpoch: nodeEpoch ?? status.nodeEpoch,
    survivesIsolation: status.survivesIsolation,
    mayOutliveLease: status.mayOutliveLease,
    ...rememberedOf(status),
  };
}

/** What a status remembers of where the service was, for the next one. Absent rather than undefined: it is stored. */
export function rememberedOf(
  status: PlacedStatus,
): Pick<PlacedBase, "maintenanceNode" | "boundTo"> {
  const { maintenanceNode, boundTo } = status;
  return {
    ...(maintenanceNode === undefined ? {} : { maintenanceNode }),
    ...(boundTo === undefined ? {} : { boundTo }),
  };
}

/** All that the step decided: what comes first in the store comes first here. */
export function effectsOf(context: Context): readonly ManagerEffect[] {
  const effects: ManagerEffect[] = [];
  for (const [node, [first, ...rest]] of context.nodeChanges) {
    assert(first !== undefined, "a node's change has a transition");
    effects.push({ kind: "put-node-state", node, path: [first, ...rest] });
  }
  for (const [service, change] of context.statusChanges) {
    const [first, ...rest] = change.path;
    assert(first !== undefined, "a service's change has a status");
    effects.push({
      kind: "put-status",
      service,
      from: change.from,
      path: [first, ...rest],
      conditions: change.conditions,
    });
  }
  const of = (order: -1 | 0 | 1) => context.effects.filter((effect) => orderOf(effect) === order);
  return [...of(-1), ...effects, ...of(0), ...of(1)];
}

/**
 * Which rules are ignored is written before what rests on that. A fencing is a transaction of its own and rests on
 * nothing else; between others it would part what belongs together.
 */
function orderOf({ kind }: ManagerEffect): -1 | 0 | 1 {
  if (kind === "put-rejected-rules") return -1;
  return kind === "fence-node" ? 1 : 0;
}

function index(state: ManagerState, status: ServiceStatus): void {
  const { service } = status;
  if (status.state === "queued" || status.state === "recovery") state.waiting.add(service);
  // An instance waits for its own node for as long as it takes; that holds up nothing else.
  if (isUnsettled(status) && !isPinned(service)) state.unsettled.add(service);
  if (status.state !== "started") state.brake.inFlight.delete(service);
  if (!isPlaced(status)) return;
  addTo(state.servicesOn, status.node, service);
  if (status.maintenanceNode !== undefined) {
    addTo(state.returningTo, status.maintenanceNode, service);
  }
}

function unindex(state: ManagerState, status: ServiceStatus | undefined): void {
  if (status === undefined) return;
  state.waiting.delete(status.service);
  state.unsettled.delete(status.service);
  if (!isPlaced(status)) return;
  state.servicesOn.get(status.node)?.delete(status.service);
  if (status.maintenanceNode !== undefined) {
    state.returningTo.get(status.maintenanceNode)?.delete(status.service);
  }
}

function isUnsettled(status: ServiceStatus): boolean {
  return status.state === "fence" || status.state === "recovery" || isMoving(status);
}

function addTo<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const known = sets.get(key);
  if (known === undefined) sets.set(key, new Set([value]));
  else known.add(value);
}
