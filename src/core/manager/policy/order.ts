/**
 * The order that services name: `after` (must be running before it, if it is to run at all) and `requires` (cannot do
 * without). A short absence, by a restart, a move or a recovery, stops nobody; being stopped, removed or in error does.
 */
import type { Reason } from "../../explain/reason.ts";
import type { ServiceId } from "../../ids.ts";
import { isMoving, isPlaced, type PlacedStatus, type Service } from "../../model/service.ts";
import { type Context, isLeftAlone } from "../context.ts";
import { isRunning } from "../memory/size.ts";
import { isClosedTo } from "../moves/barrier.ts";

/** Whom the service has to wait for before it starts; undefined: nobody. */
export function waitReason(context: Context, service: Service): Reason | undefined {
  for (const other of service.requires) {
    if (!isRunning(context.state, other)) return { code: "waits-for", service: other };
  }
  for (const other of service.after) {
    if (isWanted(context, other) && !isRunning(context.state, other)) {
      return { code: "waits-for", service: other };
    }
  }
  return undefined;
}

/** Which service it cannot do without is not to run any more; undefined: none. */
export function lostRequirement(context: Context, service: Service): Reason | undefined {
  for (const other of service.requires) {
    if (!isWanted(context, other)) return { code: "requirement-lost", service: other };
  }
  return undefined;
}

/** A dependent that is being stopped too and has to end before this service does; undefined: none. */
export function stopsFirst(context: Context, service: Service): ServiceId | undefined {
  const { state } = context;
  for (const id of state.dependentsOf.get(service.id) ?? []) {
    const dependent = state.services.get(id);
    const status = state.statuses.get(id);
    if (dependent === undefined || status === undefined || !isPlaced(status)) continue;
    if (!mayStillRun(status) || isLeftAlone(context, status)) continue;
    if (dependent.requires.includes(service.id) || isToStop(dependent)) return id;
  }
  return undefined;
}

/** A service that it needs and that is still leaving the same node; it follows when that one runs again. */
export function leavesFirst(
  context: Context,
  service: Service,
  status: PlacedStatus,
): ServiceId | undefined {
  for (const id of [...service.requires, ...service.after]) {
    const other = context.state.statuses.get(id);
    if (other === undefined || !isPlaced(other)) continue;
    if (isMoving(other)) return id;
    // What cannot leave is not waited for.
    const cannotLeave = other.reason.code === "no-other-node" && other.state === "started";
    const isHere = other.node === status.node && mayStillRun(other) && !cannotLeave;
    if (isHere && isWanted(context, id) && hasToLeave(context, other)) return id;
    if (other.node !== status.node && isWanted(context, id) && !isRunning(context.state, id)) {
      return id;
    }
  }
  return undefined;
}

/** Whether the node is closed to the service itself: one that tolerates what others do not is not waited for. */
function hasToLeave(context: Context, status: PlacedStatus): boolean {
  const { state } = context;
  if (state.nodes.get(status.node)?.state === "maintenance") return true;
  const service = state.services.get(status.service);
  return service !== undefined && isClosedTo(state, service, status.node);
}

function mayStillRun(status: PlacedStatus): boolean {
  return status.state === "started" || status.state === "request_stop" || isMoving(status);
}

function isToStop(service: Service): boolean {
  return service.removing || service.requested === "stopped" || service.requested === "disabled";
}

/** Whether it is to run and has not failed for good, and the same holds for all that it cannot do without. */
function isWanted(context: Context, id: ServiceId, asked = new Set<ServiceId>()): boolean {
  if (asked.has(id)) return true; // answered already
  asked.add(id);
  const service = context.state.services.get(id);
  if (service === undefined || service.requested !== "started" || service.removing) return false;
  if (context.state.statuses.get(id)?.state === "error") return false;
  return service.requires.every((other) => isWanted(context, other, asked));
}
