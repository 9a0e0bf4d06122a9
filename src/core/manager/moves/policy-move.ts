/** Moves that the manager decides by itself: rules, maintenance and its end, a start that failed. */
import type { Reason } from "../../explain/reason.ts";
import type { NodeId } from "../../ids.ts";
import type { ManagedNode } from "../../model/node.ts";
import type { MovingState, PlacedStatus, Service, SettledStatus } from "../../model/service.ts";
import type { Selection } from "../../placement/select-node.ts";
import { after } from "../../time.ts";
import { type Context, nodeOf, setStatus, type Verdict } from "../context.ts";
import { isRunning } from "../memory/size.ts";
import { holdsFailover, isFrozen } from "../policy/freeze.ts";
import { leavesFirst } from "../policy/order.ts";
import { beginMove } from "../transitions.ts";
import { stayBarrier } from "./barrier.ts";
import { chooseNode } from "./choose.ts";
import { sayMayStay, sayNoOtherNode } from "./no-other-node.ts";
import { holdBack } from "./retries.ts";

/** How this service moves when the manager decides it. */
export function movingStateOf(service: Service): "migrate" | "relocate" {
  return service.movesLive ? "migrate" : "relocate";
}

/** Looks whether a started service belongs on another node, and begins to move it there. */
export function considerMove(context: Context, service: Service, status: SettledStatus): Verdict {
  const { state } = context;
  const node = nodeOf(context, status.node);
  const closed = closedBecause(context, service, node);
  if (closed !== undefined && leavesFirst(context, service, status) !== undefined) return "settled";
  const choice = chooseNode(state, service, { status, preference: "stay" });
  if (choice === undefined) {
    state.waiting.add(service.id); // it would go if it could
    if (closed === undefined) return "settled";
    return sayNoOtherNode(context, service, { status, closed, wants: "leave" });
  }
  if (choice.node === status.node) {
    if (sayMayStay(context, status) === "changed") return "changed";
    return clearReturn(context, status);
  }
  // A frozen cluster leaves it where it may stay; out of a node that is closed to it goes on unless failover is held.
  if (isFrozen(state) && (closed === undefined || holdsFailover(state))) return "settled";
  const retryAtMs = state.retryAt.get(service.id);
  if (retryAtMs !== undefined && context.now < retryAtMs) return "settled";
  // What came here while it ran goes back while it runs: its agent's word that it does is waited for.
  const isBackLive = choice.because === "maintenance-over" && service.movesLive;
  if (isBackLive && !isRunning(state, service.id)) return "settled";
  const reason = reasonOf(status, choice, { closed, node });
  return beginPolicyMove(context, service, { status, target: choice.node, reason });
}

/** Why the service has to leave its node; undefined: it may stay as far as the node is concerned. */
function closedBecause(context: Context, service: Service, node: ManagedNode): string | undefined {
  if (node.state === "maintenance") return "it is in maintenance";
  return stayBarrier(context.state, service, node);
}

/** Begins a move by policy; the same service does not begin another one within a round. */
export function beginPolicyMove(
  context: Context,
  service: Service,
  move: {
    readonly status: PlacedStatus;
    readonly target: NodeId;
    readonly reason: Reason;
    /** Undefined: as the service moves while it runs. */
    readonly state?: MovingState;
  },
): Verdict {
  const { status, target, reason, state = movingStateOf(service) } = move;
  holdBack(context.state, service.id, after(context.now, context.state.settings.roundMs));
  return beginMove(context, {
    status,
    state,
    target,
    reason,
    maintenanceNode: rememberedNode(context, status, target),
  });
}

/** The node for a service that failed to start where it is, and how to begin the move; undefined: none is left. */
export function tryNextNode(
  context: Context,
  service: Service,
  status: PlacedStatus,
): { readonly node: NodeId; begin(reason: Reason): Verdict } | undefined {
  const choice = chooseNode(context.state, service, { status, preference: "try-next" });
  if (choice === undefined || choice.node === status.node) return undefined;
  const { node } = choice;
  return {
    node,
    begin: (reason) => beginPolicyMove(context, service, { status, target: node, reason }),
  };
}

/** Where it goes back to after the move: the node that it leaves for maintenance, or the one it left before. */
function rememberedNode(context: Context, status: PlacedStatus, target: NodeId): NodeId | null {
  if (nodeOf(context, status.node).state === "maintenance") return status.node;
  const known = status.maintenanceNode;
  if (known === undefined || known === target || known !== status.node) return null;
  return known;
}

/** It never left the node that it was to go back to. */
function clearReturn(context: Context, status: SettledStatus): Verdict {
  if (status.maintenanceNode !== status.node) return "settled";
  if (nodeOf(context, status.node).state !== "online") return "settled";
  const { maintenanceNode: _, ...rest } = status;
  setStatus(context, rest);
  return "changed";
}

function reasonOf(
  status: PlacedStatus,
  choice: Selection,
  { closed, node }: { readonly closed: string | undefined; readonly node: ManagedNode },
): Reason {
  const from = status.node;
  const to = choice.node;
  if (choice.because === "maintenance-over") return { code: "maintenance-over", from, to };
  if (node.state === "maintenance") return { code: "maintenance-move", from, to };
  if (closed !== undefined) return { code: "taint-move", from, to, because: closed };
  return { code: "better-node", from, to, because: choice.because };
}
