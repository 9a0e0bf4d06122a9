/**
 * What keeps a service off a node before any rule is asked: a person's word, taints, its volumes, an agent about to leave.
 * Choosing a node, refusing a person's order and explaining all ask here.
 */
import type { NodeId, ServiceId } from "../../ids.ts";
import type { ManagedNode } from "../../model/node.ts";
import { nodeModeWords } from "../../model/node-mode.ts";
import { isPlaced, type Service, type ServiceStatus } from "../../model/service.ts";
import { mutated } from "../../mutation.ts";
import { intoleranceOf } from "../../placement/taints.ts";
import type { ManagerState } from "../state.ts";
import { isPinned, pinBarrier } from "./pinned.ts";

/** Where the service's volumes are, as long as that node is in the cluster; undefined: it is bound to none. */
export function boundNode(
  state: ManagerState,
  service: Service,
  status: ServiceStatus | undefined,
): NodeId | undefined {
  if (isPinned(service.id)) return undefined; // by its id already
  if (service.volumes.length === 0 || status === undefined || !isPlaced(status)) return undefined;
  if (mutated("S8-unbound")) return undefined;
  const { boundTo } = status;
  return boundTo !== undefined && state.registered.has(boundTo) ? boundTo : undefined;
}

/** Whether any node may be closed to the service; else nobody has to ask about each. */
export function hasBarriers(
  state: ManagerState,
  service: Service,
  status: ServiceStatus | undefined,
): boolean {
  if (isPinned(service.id)) return true;
  return state.restricted.size > 0 || boundNode(state, service, status) !== undefined;
}

/** Why the node is closed to the service, as the end of a sentence; undefined: it is open. */
export function barrierTo(
  state: ManagerState,
  service: Service,
  status: ServiceStatus | undefined,
  node: NodeId,
): string | undefined {
  const pin = pinBarrier(service.id, node);
  if (pin !== undefined) return pin;
  const bound = boundNode(state, service, status);
  if (bound !== undefined && bound !== node) return volumesSentence(service, bound);
  const facts = state.nodes.get(node);
  if (facts === undefined || !state.restricted.has(node)) return undefined;
  const closed = stayBarrier(state, service, facts);
  if (closed !== undefined) return closed;
  const isThere = status !== undefined && isPlaced(status) && status.node === node;
  if (facts.mode !== "enabled" && !(isThere && facts.mode !== "offline")) {
    if (!mutated("S8-not-enabled")) return nodeModeWords(facts.mode);
  }
  return isThere ? undefined : leavingBarrier(facts);
}

/** Why the service may not even stay on the node, as the end of a sentence; instances of deployments stay always. */
export function stayBarrier(
  state: ManagerState,
  service: Service,
  node: Pick<ManagedNode, "taints" | "mode">,
): string | undefined {
  const isFlushed = node.mode === "flushed" && !isPinned(service.id);
  return isFlushed ? nodeModeWords(node.mode) : taintBarrier(state, service, node);
}

/** Which taint of the node the service, or one that runs together with it, does not tolerate, as a sentence's end. */
function taintBarrier(
  state: ManagerState,
  service: Service,
  { taints }: Pick<ManagedNode, "taints">,
): string | undefined {
  if (taints.length === 0 || isPinned(service.id)) return undefined;
  if (mutated("S8-untolerated")) return undefined;
  const own = intoleranceOf(service.tolerations, taints);
  if (own !== undefined) return `the service does not tolerate its taint "${own}"`;
  for (const id of companyOf(state, service.id)) {
    const member = state.services.get(id);
    const taint = member === undefined ? undefined : intoleranceOf(member.tolerations, taints);
    if (taint !== undefined) {
      return `${id}, which the service runs together with, does not tolerate its taint "${taint}"`;
    }
  }
  return undefined;
}

/** Whether the service may not stay on the node, by a person's word or a taint. */
export function isClosedTo(state: ManagerState, service: Service, node: NodeId): boolean {
  const facts = state.nodes.get(node);
  return facts !== undefined && stayBarrier(state, service, facts) !== undefined;
}

/** That the service's volumes are elsewhere, as the end of a sentence. */
function volumesSentence({ volumes }: Service, node: NodeId): string {
  return volumes.length === 1
    ? `its volume ${volumes.join()} is on node "${node}"`
    : `its volumes ${volumes.join(", ")} are on node "${node}"`;
}

function leavingBarrier({ agentMode }: ManagedNode): string | undefined {
  switch (agentMode) {
    case "restart":
      return "its agent, or the node, is about to restart";
    case "shutdown":
      return "it is about to shut down";
    case "active":
    case "maintenance":
      return undefined; // what is in maintenance is not online
  }
}

function companyOf(state: ManagerState, id: ServiceId): readonly ServiceId[] {
  return state.rulebook.together.get(id) ?? [];
}
