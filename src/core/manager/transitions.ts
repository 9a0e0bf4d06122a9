/** Changes of status that several states share. */
import { assert } from "../assert.ts";
import type { Reason } from "../explain/reason.ts";
import type { Epoch, NodeId } from "../ids.ts";
import type { EpochCondition } from "../model/epoch-condition.ts";
import type { PlacedStatus, Service, SettledState } from "../model/service.ts";
import {
  type Context,
  isDead,
  isLost,
  nextUid,
  nodeOf,
  setStatus,
  successor,
  type Verdict,
} from "./context.ts";
import { waitReason } from "./policy/order.ts";

/** Goes to `state` on the same node, under a new uid. */
export function enter(
  context: Context,
  change: { readonly status: PlacedStatus; readonly state: SettledState; readonly reason: Reason },
): Verdict {
  const base = successor(context, change.status);
  setStatus(context, { ...base, state: change.state, reason: change.reason });
  return "changed";
}

/**
 * Its copy is known dead, and that is written down: whoever is manager when a node is found need not know by what (S1).
 */
export function enterRecovery(
  context: Context,
  status: PlacedStatus,
  reason: Extract<Reason, { code: "fenced" | "confirmed-off" }>,
): Verdict {
  assert(isDead(context, status), "S1: a service is recovered only when dead on its node");
  const base = successor(context, status);
  setStatus(context, { ...base, mayOutliveLease: false, state: "recovery", reason });
  return "changed";
}

/** The state that a service heads for when it is where it belongs. */
export function requestedTarget(service: Service): "request_start" | "request_stop" {
  return service.requested === "started" && !service.removing ? "request_start" : "request_stop";
}

/**
 * The same for a service that ran already and need not be placed again: `started`, unless it has to wait for another
 * one.
 */
export function resumedTarget(
  context: Context,
  service: Service,
): "request_start" | "started" | "request_stop" {
  const target = requestedTarget(service);
  if (target === "request_stop") return target;
  return waitReason(context, service) === undefined ? "started" : "request_start";
}

/** What a copy that starts now is told about the loss of its node's lease. */
export function isolationOrder(service: Service): {
  readonly survivesIsolation: boolean;
  readonly mayOutliveLease: boolean;
} {
  const keeps = service.onIsolation === "keep";
  return { survivesIsolation: keeps, mayOutliveLease: keeps };
}

/**
 * The service goes on where it is, under the service's present order; a copy that was not confirmed dead may outlive
 * the lease still (S1).
 */
export function resumeHere(
  context: Context,
  service: Service,
  change: {
    readonly status: PlacedStatus;
    readonly reason: Reason;
    readonly nodeEpoch?: Epoch | undefined;
  },
): Verdict {
  const { status, reason, nodeEpoch } = change;
  const order = isolationOrder(service);
  const mayOutliveLease = order.mayOutliveLease || status.mayOutliveLease;
  const base = { ...successor(context, status, nodeEpoch), ...order, mayOutliveLease };
  setStatus(context, { ...base, state: resumedTarget(context, service), reason });
  return "changed";
}

/** The service belongs to another node from here on; the caller has made sure that it is dead on the one before. */
export function arrive(
  context: Context,
  service: Service,
  arrival: {
    readonly status: PlacedStatus;
    readonly node: NodeId;
    readonly reason: Reason;
    readonly clearLocks?: boolean;
    readonly condition?: EpochCondition;
  },
): Verdict {
  const { status, node, reason } = arrival;
  const { maintenanceNode, boundTo } = status;
  const isAway = maintenanceNode !== undefined && maintenanceNode !== node;
  setStatus(
    context,
    {
      service: service.id,
      uid: nextUid(context),
      failedNodes: status.failedNodes,
      sinceMs: context.now,
      state: resumedTarget(context, service),
      node,
      nodeEpoch: nodeOf(context, node).epoch,
      ...isolationOrder(service),
      ...(isAway ? { maintenanceNode } : {}),
      ...(boundTo === node ? { boundTo } : {}),
      ...(arrival.clearLocks === true ? { clearLocks: true } : {}),
      reason,
    },
    arrival.condition,
  );
  return "changed";
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

/** A move: the status that carries it out; the caller has checked the target. */
export function beginMove(
  context: Context,
  move: {
    readonly status: PlacedStatus;
    readonly state: "migrate" | "relocate" | "request_start_balance";
    readonly target: NodeId;
    readonly reason: Reason;
    /** Remembered as the node to go back to after its maintenance; null: forgotten. */
    readonly maintenanceNode?: NodeId | null;
  },
): Verdict {
  // Nothing binds a service that may move; where its volumes are is noted anew where it runs next.
  const { maintenanceNode: known, boundTo: _, ...base } = successor(context, move.status);
  const remembered = move.maintenanceNode === undefined ? known : move.maintenanceNode;
  setStatus(context, {
    ...base,
    ...(remembered === undefined || remembered === null ? {} : { maintenanceNode: remembered }),
    state: move.state,
    target: move.target,
    reason: move.reason,
  });
  return "changed";
}
