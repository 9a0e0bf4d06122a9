/** Changes of status that several states share. */
import type { Reason } from "../explain/reason.ts";
import type { NodeId } from "../ids.ts";
import type { PlacedStatus, Service, SettledState } from "../model/service.ts";
import { type Context, isLost, nodeOf, setStatus, successor, type Verdict } from "./context.ts";

/** Goes to `state` on the same node, under a new uid. */
export function enter(
  context: Context,
  change: { readonly status: PlacedStatus; readonly state: SettledState; readonly reason: Reason },
): Verdict {
  const base = successor(context, change.status);
  setStatus(context, { ...base, state: change.state, reason: change.reason });
  return "changed";
}

/** The state that a service heads for when it is where it belongs. */
export function requestedTarget(service: Service): "request_start" | "request_stop" {
  return service.requested === "started" && !service.removing ? "request_start" : "request_stop";
}

/** What a copy that starts now is told about the loss of its node's lease. */
export function isolationOrder(service: Service): {
  readonly survivesIsolation: boolean;
  readonly mayOutliveLease: boolean;
} {
  const keeps = service.onIsolation === "keep";
  return { survivesIsolation: keeps, mayOutliveLease: keeps };
}

/** Why a service is to be stopped, or undefined when it is to run. */
export function reasonToStop(service: Service): Reason | undefined {
  if (service.removing) return { code: "removing" };
  if (service.requested === "stopped" || service.requested === "disabled") {
    return { code: "requested", requested: service.requested };
  }
  return undefined;
}

/**
 * What the loss or return of its node means for a service that is bound to it: lost, it needs fencing; back
 * under a newer epoch, the same instruction is given anew (the old copy is dead, or survived and is adopted).
 */
export function followNode(context: Context, status: PlacedStatus): Verdict {
  const node = nodeOf(context, status.node);
  if (isLost(context, status.node)) {
    const reason = { code: "lease-lost", node: node.id, epoch: status.nodeEpoch } as const;
    return enter(context, { status, state: "fence", reason });
  }
  if (node.leaseEpoch === undefined || node.leaseEpoch <= status.nodeEpoch) return "settled";
  const base = successor(context, status, node.leaseEpoch);
  const reason = { code: "node-returned", node: node.id, epoch: node.leaseEpoch } as const;
  setStatus(context, { ...status, ...base, reason });
  return "changed";
}

/** A command to move: the status that carries it out; the caller has checked the target. */
export function beginMove(
  context: Context,
  move: {
    readonly status: PlacedStatus;
    readonly state: "migrate" | "relocate";
    readonly target: NodeId;
    readonly reason: Reason;
  },
): Verdict {
  const base = successor(context, move.status);
  setStatus(context, { ...base, state: move.state, target: move.target, reason: move.reason });
  return "changed";
}
