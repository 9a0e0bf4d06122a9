/**
 * Instances of deployments run on the node that is part of their id, and nowhere else: they wait for it when it is lost,
 * stay there during its maintenance and when it is flushed, and its taints do not concern them.
 */
import { type NodeId, nodeOfInstance, type ServiceId } from "../../ids.ts";
import { isOffline } from "../../model/node.ts";
import type { PlacedStatus, Service } from "../../model/service.ts";
import { commitsMemory } from "../../placement/load.ts";
import type { Selection } from "../../placement/select-node.ts";
import type { ManagerState } from "../state.ts";

/** Whether the service belongs to one node by its id. */
export function isPinned(service: ServiceId): boolean {
  return nodeOfInstance(service) !== undefined;
}

/** What keeps a pinned service off every node but its own, as the end of a sentence; undefined: it is its own. */
export function pinBarrier(service: ServiceId, node: NodeId): string | undefined {
  const own = nodeOfInstance(service);
  if (own === undefined || own === node) return undefined;
  return `the service is the instance of node "${own}"`;
}

/** A pinned service's own node, if that is up and has room; `roomAt` says what it lacks. */
export function ownNode(
  state: ManagerState,
  service: Service,
  place: {
    readonly status: PlacedStatus | undefined;
    readonly roomAt: (node: NodeId) => string | undefined;
  },
): Selection | undefined {
  const { status, roomAt } = place;
  const id = nodeOfInstance(service.id);
  const node = id === undefined ? undefined : state.nodes.get(id);
  if (node === undefined || !state.registered.has(node.id)) return undefined;
  const isUp = node.leaseEpoch !== undefined && node.lostAtMs === undefined;
  const isOpen = node.state === "online" || node.state === "maintenance";
  const isThere = status !== undefined && commitsMemory(status) && status.node === node.id;
  if (!isUp || !isOpen || isOffline(node)) return undefined;
  if (status === undefined && node.mode !== "enabled") return undefined; // it takes nothing new
  if (!isThere && (node.agentMode === "restart" || node.agentMode === "shutdown")) return undefined;
  if (!isThere && roomAt(node.id) !== undefined) return undefined;
  return { node: node.id, because: "only-one-left" };
}
