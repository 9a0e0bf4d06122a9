/**
 * Suspending high availability as a whole and taking it up again. `freeze`: services are frozen. `ignore`: they are
 * left alone in whatever state they are. While something is being fenced, recovered or moved, only that goes on.
 */
import { epochOf, type NodeId } from "../../ids.ts";
import { isMoving, isPlaced, type PlacedStatus, type Service } from "../../model/service.ts";
import { refuseCommand } from "../commands.ts";
import {
  type Context,
  isUp,
  nodeOf,
  type PlacedBase,
  setStatus,
  successor,
  type Verdict,
} from "../context.ts";
import type { ArmingState } from "../effect.ts";
import type { ArmingMode } from "../event.ts";
import { isPinned, pinBarrier } from "../moves/pinned.ts";

/** A person asked for it: everything is looked at. */
export function changedArming(context: Context, mode: ArmingMode): void {
  const { state } = context;
  if (state.arming === mode) return;
  state.arming = mode;
  if (!state.loaded) return;
  for (const service of state.statuses.keys()) state.dirty.add(service);
  for (const service of state.services.keys()) state.dirty.add(service);
}

/**
 * What disarming, or its end, means for a placed service; undefined: the state's own handler goes on. Called before
 * any handler.
 */
export function applyArming(
  context: Context,
  service: Service,
  status: PlacedStatus,
): Verdict | undefined {
  const { arming } = context.state;
  if (status.suspended === true) {
    if (arming === "ignore") return onSuspended(context, service, status);
    // What was said while it was disarmed holds, also if nobody had taken it up before.
    if (takeLocation(context, service, status) === "changed") return "changed";
    return resume(context, status);
  }
  if (arming === "armed" || mustFinishFirst(status)) return undefined;
  if (needsWork(context)) {
    context.state.held.add(service.id);
    return "settled";
  }
  // Nobody manages it, so a person's word about it holds as at any other time.
  if (status.state === "ignored" && takeLocation(context, service, status) === "changed") {
    return "changed";
  }
  refuseCommand(context, service, "the cluster is disarmed");
  if (arming === "ignore") {
    suspend(context, status);
    return "changed";
  }
  if (!isFreezable(status)) return "settled";
  freeze(context, status, { code: "disarmed" });
  return "changed";
}

/** When nothing is fenced, recovered or moved any more, the others have their turn. */
export function releaseHeld(context: Context): void {
  const { state } = context;
  if (state.held.size === 0 || (state.arming !== "armed" && needsWork(context))) return;
  for (const service of state.held) state.dirty.add(service);
  state.held.clear();
}

/** What is on its way is brought to its end, disarmed or not. */
function mustFinishFirst(status: PlacedStatus): boolean {
  if (isPinned(status.service)) return false; // it may wait for its node for ever
  return status.state === "fence" || status.state === "recovery" || isMoving(status);
}

function isFreezable(status: PlacedStatus): boolean {
  return (
    status.state === "started" ||
    status.state === "stopped" ||
    status.state === "request_start" ||
    status.state === "request_stop"
  );
}

/** Whether the node's agent is about to restart; what an agent that is lost now once said of that is over. */
export function agentRestarts(context: Context, id: NodeId): boolean {
  return isUp(context, id) && nodeOf(context, id).agentMode === "restart";
}

/** Leaves the service as it is: from here on no watchdog kills it, so its node's loss proves nothing about it. */
export function freeze(
  context: Context,
  status: PlacedStatus,
  reason: PlacedStatus["reason"],
): void {
  setStatus(context, { ...leftAlone(context, status), state: "freeze", reason });
}

function suspend(context: Context, status: PlacedStatus): void {
  const alone = leftAlone(context, status);
  setStatus(context, { ...status, ...alone, suspended: true, reason: { code: "disarmed" } });
}

/**
 * The same place, where no watchdog looks after the copy from here on. A copy of an epoch that is over already was
 * never let go of: what was known of it holds.
 */
function leftAlone(context: Context, status: PlacedStatus): PlacedBase {
  const { id, leaseEpoch } = nodeOf(context, status.node);
  const base = successor(context, status, isUp(context, id) ? leaseEpoch : undefined);
  if (leaseEpoch === undefined) return base;
  return { ...base, survivesIsolation: true, mayOutliveLease: true };
}

/** Only where it is can change: a person moves it by hand and says so. */
function onSuspended(context: Context, service: Service, status: PlacedStatus): Verdict {
  const located = takeLocation(context, service, status);
  if (located === undefined) refuseCommand(context, service, "the cluster is disarmed");
  return located ?? "settled";
}

/**
 * Takes a person's word for where a service is that nobody watches; undefined: nobody has said anything. A copy on a
 * node without a lease belongs to the node's next epoch: what was confirmed of earlier ones says nothing about it.
 */
export function takeLocation(
  context: Context,
  service: Service,
  status: PlacedStatus,
): Verdict | undefined {
  const { state } = context;
  const command = state.commands.get(service.id);
  if (command?.kind !== "located" || command.target === undefined) return undefined;
  const { target } = command;
  const pin = pinBarrier(service.id, target);
  if (pin !== undefined) {
    refuseCommand(context, service, pin);
    return "settled";
  }
  const node = state.nodes.get(target);
  if (node === undefined || node.goneAtMs !== undefined) {
    refuseCommand(context, service, `there is no node "${target}"`);
    return "settled";
  }
  const nodeEpoch = node.leaseEpoch ?? epochOf(node.epoch + 1);
  state.commands.delete(service.id);
  context.effects.push({
    kind: "finish-command",
    service: service.id,
    commandId: command.id,
    reason: { code: "command", command: "located", target },
  });
  const bound = status.boundTo === undefined ? {} : { boundTo: target };
  const base = { ...successor(context, status), ...bound, node: target, nodeEpoch };
  const reason = { code: "located", node: target } as const;
  // Nobody has seen yet that a watchdog knows of it there.
  const alone = { survivesIsolation: true, mayOutliveLease: true } as const;
  setStatus(context, { ...status, ...base, ...alone, reason });
  return "changed";
}

function resume(context: Context, status: PlacedStatus): Verdict {
  const node = nodeOf(context, status.node);
  const nodeEpoch = isUp(context, node.id) ? node.leaseEpoch : undefined;
  const base = successor(context, status, nodeEpoch);
  const { suspended: _, ...rest } = status;
  setStatus(context, { ...rest, ...base, reason: { code: "managed-again" } });
  return "changed";
}

/** How far disarming has come, announced when it changes. Looks at all services only while it is under way. */
export function noteArmingState(context: Context): void {
  const { state } = context;
  if (state.arming === "armed" && state.armingState === "armed") return;
  const next: ArmingState = state.arming === "armed" ? "armed" : armingStateNow(context);
  if (next === state.armingState) return;
  if (state.armingState === "disarmed" && next === "disarming" && !needsWork(context)) return;
  state.armingState = next;
  const reason = { code: "arming", mode: state.arming, state: next } as const;
  context.effects.push({ kind: "put-arming-state", state: next, reason });
}

function needsWork(context: Context): boolean {
  return context.state.unsettled.size > 0;
}

function armingStateNow(context: Context): ArmingState {
  const { state } = context;
  if (needsWork(context)) return "disarming";
  if (state.armingState === "disarmed") return "disarmed";
  for (const status of state.statuses.values()) {
    if (isPlaced(status) && !isReleased(context, status)) return "disarming";
  }
  return "disarmed";
}

/** Whether its agent has let go of it; an agent that is not up has nothing to let go of. */
function isReleased(context: Context, status: PlacedStatus): boolean {
  const isLeft = status.suspended === true || status.state === "freeze";
  const waitsForNode = status.state === "fence" || status.state === "recovery";
  if (isPinned(status.service) && waitsForNode) return true; // nothing of it is looked after
  if (!isLeft) return status.state === "error" || status.state === "ignored";
  // An agent of a newer epoch was never told to watch it.
  const { leaseEpoch } = nodeOf(context, status.node);
  if (!isUp(context, status.node) || leaseEpoch !== status.nodeEpoch) return true;
  const report = context.state.reports.get(status.service);
  return report?.uid === status.uid && report.result === "released";
}
