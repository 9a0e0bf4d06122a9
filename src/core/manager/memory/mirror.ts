/** Changes of nodes and services in the manager's memory, with the indexes over them. */
import { compareIds, type NodeId, type ServiceId } from "../../ids.ts";
import { isOffline, type ManagedNode, wantsMaintenance } from "../../model/node.ts";
import type { Service } from "../../model/service.ts";
import type { InstantMs } from "../../time.ts";
import type { ManagerState } from "../state.ts";
import { retally } from "./size.ts";

/** Puts a node into memory: the list of those that take services follows. */
export function putNode(state: ManagerState, node: ManagedNode): void {
  const before = state.nodes.get(node.id);
  state.nodes.set(node.id, node);
  if (before === undefined) state.rulebookStale = true;
  const was = before?.state === "online";
  const is = node.state === "online";
  if (was !== is) setOnline(state, node.id, is);
  const isKnown = node.epoch > 0 && node.goneAtMs === undefined && node.state !== "maintenance";
  const isLostNow = isKnown && node.lostAtMs !== undefined && !isOffline(node);
  toggle(state.lost, node.id, isLostNow);
  if (isLostNow) noteLoss(state, node.lostAtMs);
  const isUp = node.leaseEpoch !== undefined && node.lostAtMs === undefined;
  const isAway = wantsMaintenance(node) || isOffline(node);
  const isMissing = !isUp && node.goneAtMs === undefined && !isAway;
  toggle(state.missing, node.id, isMissing);
  const isClosed = node.taints.length > 0 || node.mode !== "enabled";
  toggle(state.restricted, node.id, isClosed || node.agentMode !== "active");
}

function noteLoss(state: ManagerState, lostAtMs: InstantMs): void {
  if (state.lostSinceMs === undefined || lostAtMs < state.lostSinceMs) state.lostSinceMs = lostAtMs;
}

function toggle(nodes: Set<NodeId>, node: NodeId, isIn: boolean): void {
  if (isIn) nodes.add(node);
  else nodes.delete(node);
}

/** Forgets a node. */
export function dropNode(state: ManagerState, id: NodeId): void {
  setOnline(state, id, false);
  state.nodes.delete(id);
  state.suspects.delete(id);
  state.fencing.delete(id);
  state.gone.delete(id);
  state.lost.delete(id);
  state.missing.delete(id);
  state.restricted.delete(id);
  state.resets.delete(id); // its epochs begin anew when it joins again
  state.rulebookStale = true;
}

/** The list stays in order; a placement that holds the one of before goes on with that. */
function setOnline(state: ManagerState, id: NodeId, online: boolean): void {
  const index = placeOf(id, state.online);
  const isIn = state.online[index] === id;
  if (online && !isIn) state.online = state.online.toSpliced(index, 0, id);
  else if (!online && isIn) state.online = state.online.toSpliced(index, 1);
}

/** Where a node is in a list in order of id, or would be. */
function placeOf(id: NodeId, nodes: readonly NodeId[]): number {
  let [low, high] = [0, nodes.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = nodes[middle];
    if (other !== undefined && compareIds(other, id) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Puts a service into memory: who belongs to which group and who waits for whom follows. */
export function putService(state: ManagerState, service: Service): void {
  const before = state.services.get(service.id);
  if (before !== undefined) unlink(state, before);
  state.services.set(service.id, service);
  link(state, service);
  if (before?.group !== service.group) state.rulebookStale = true;
  if (before === undefined && state.ruleServices.has(service.id)) state.rulebookStale = true;
  if (before?.limits !== service.limits) retally(state, service.id);
}

/** Takes a service's configuration out of memory. */
export function dropService(state: ManagerState, id: ServiceId): void {
  const before = state.services.get(id);
  if (before === undefined) return;
  unlink(state, before);
  state.services.delete(id);
  state.retryAt.delete(id);
  state.usages.delete(id);
  if (before.group !== undefined || state.ruleServices.has(id)) state.rulebookStale = true;
}

function link(state: ManagerState, service: Service): void {
  if (service.group !== undefined) add(state.membersOf, service.group, service.id);
  for (const other of service.after) add(state.dependentsOf, other, service.id);
  for (const other of service.requires) add(state.dependentsOf, other, service.id);
}

function unlink(state: ManagerState, service: Service): void {
  if (service.group !== undefined) state.membersOf.get(service.group)?.delete(service.id);
  for (const other of service.after) state.dependentsOf.get(other)?.delete(service.id);
  for (const other of service.requires) state.dependentsOf.get(other)?.delete(service.id);
}

function add<K>(sets: Map<K, Set<ServiceId>>, key: K, service: ServiceId): void {
  const known = sets.get(key);
  if (known === undefined) sets.set(key, new Set([service]));
  else known.add(service);
}
