/** Carries out a person's order about a service in `started` or `stopped`, or refuses it with the reason. */
import { assertNever } from "../assert.ts";
import type { Reason } from "../explain/reason.ts";
import type { NodeId, ServiceId } from "../ids.ts";
import {
  isMoving,
  isPlaced,
  type PlacedStatus,
  type Service,
  type ServiceCommand,
} from "../model/service.ts";
import { countsAsLoad } from "../placement/load.ts";
import {
  type Context,
  isOnline,
  isUp,
  markNeighboursDirty,
  setStatus,
  successor,
  type Verdict,
} from "./context.ts";
import { putService } from "./memory/mirror.ts";
import { barrierTo } from "./moves/barrier.ts";
import { refusalOf } from "./moves/choose.ts";
import { beginMove } from "./transitions.ts";

/** Takes up the service's pending command, if there is one. */
export function takeUpCommand(context: Context, service: Service, status: PlacedStatus): Verdict {
  const command = context.state.commands.get(service.id);
  if (command === undefined) return "settled";
  switch (command.kind) {
    case "migrate":
    case "relocate":
      return moveByCommand(context, service, { status, command, state: command.kind });
    case "stop":
      return stopByCommand(context, service, { status, command });
    case "located":
      return finishRefused(context, service, {
        command,
        because: "it is managed: only what is stopped, ignored or disarmed can be moved by hand",
      });
    default:
      return assertNever(command.kind);
  }
}

/** Refuses the pending command, if there is one, because the service is in no state for it. */
export function refuseCommand(context: Context, service: Service, because: string): void {
  const command = context.state.commands.get(service.id);
  if (command !== undefined) finishRefused(context, service, { command, because });
}

function moveByCommand(
  context: Context,
  service: Service,
  order: {
    readonly status: PlacedStatus;
    readonly command: ServiceCommand;
    readonly state: "migrate" | "relocate";
  },
): Verdict {
  const { status, command } = order;
  const { target } = command;
  const because = whyNotTo(context, service, status, target);
  if (target === undefined || because !== undefined) {
    return finishRefused(context, service, { command, because: because ?? "no node was named" });
  }
  const reason = { code: "command", command: command.kind, target } as const;
  finish(context, service, { command, reason });
  moveGroupAlong(context, service, { target, state: order.state, reason });
  return beginMove(context, { status, state: order.state, target, reason });
}

/** Why a person's target is refused: S8 holds for people's orders too. */
function whyNotTo(
  context: Context,
  service: Service,
  status: PlacedStatus,
  target: NodeId | undefined,
): string | undefined {
  if (target === undefined) return "no node was named";
  if (!isOnline(context, target)) return `node "${target}" is not online`;
  if (target === status.node) return `it is on node "${target}" already`;
  const { state } = context;
  let claimedBytes = 0;
  for (const id of [service.id, ...(state.rulebook.together.get(service.id) ?? [])]) {
    const member = state.services.get(id);
    const closed =
      member === undefined
        ? undefined
        : barrierTo(state, member, id === service.id ? status : state.statuses.get(id), target);
    if (closed !== undefined) return `node "${target}" is closed to ${id}: ${closed}`;
    const affinity = state.rulebook.nodeAffinity.get(id);
    if (affinity?.strict === true && !affinity.priorities.has(target)) {
      return `the strict rule "${affinity.rule}" does not allow node "${target}" for ${id}`;
    }
    const counterpart = apartOn(context, id, target);
    if (counterpart !== undefined) {
      return `${counterpart} is on node "${target}" or on its way there, and a rule keeps it apart from ${id}`;
    }
    const comesAlong = id === service.id || followerOf(context, id, target) !== undefined;
    if (member === undefined || !comesAlong) continue;
    const room = refusalOf(state, member, target, claimedBytes);
    if (room !== undefined) return `node "${target}" has no room for ${id}: ${room}`;
    claimedBytes += member.limits?.memoryBytes ?? 0;
  }
  return undefined;
}

function apartOn(context: Context, id: ServiceId, target: NodeId): ServiceId | undefined {
  const { state } = context;
  return (state.rulebook.apart.get(id) ?? []).find((other) => {
    const status = state.statuses.get(other);
    if (status === undefined || !isPlaced(status)) return false;
    if (isMoving(status) && status.target === target) return true;
    return status.node === target && countsAsLoad(status);
  });
}

/** Those that have to be on the same node move with it. */
function moveGroupAlong(
  context: Context,
  service: Service,
  move: {
    readonly target: NodeId;
    readonly state: "migrate" | "relocate";
    readonly reason: Reason;
  },
): void {
  const { state } = context;
  for (const id of state.rulebook.together.get(service.id) ?? []) {
    const status = followerOf(context, id, move.target);
    if (status !== undefined) beginMove(context, { ...move, status });
  }
}

/** The status of a member of the group that moves along; undefined: it is there, or stays where it is. */
function followerOf(context: Context, id: ServiceId, target: NodeId): PlacedStatus | undefined {
  const status = context.state.statuses.get(id);
  if (status?.state !== "started" && status?.state !== "stopped") return undefined;
  return status.node !== target && isUp(context, status.node) ? status : undefined;
}

function stopByCommand(
  context: Context,
  service: Service,
  order: { readonly status: PlacedStatus; readonly command: ServiceCommand },
): Verdict {
  const { status, command } = order;
  const reason = { code: "command", command: "stop", target: undefined } as const;
  finish(context, service, { command, reason });
  if (service.requested === "started") {
    putService(context.state, { ...service, requested: "stopped" });
    markNeighboursDirty(context.state, service.id);
    context.effects.push({
      kind: "set-requested",
      service: service.id,
      requested: "stopped",
      reason,
    });
  }
  if (status.state === "stopped") return "settled";
  const base = successor(context, status);
  const stopTimeoutMs = command.timeoutMs;
  setStatus(context, { ...base, state: "request_stop", stopTimeoutMs, reason });
  return "changed";
}

function finishRefused(
  context: Context,
  service: Service,
  refusal: { readonly command: ServiceCommand; readonly because: string },
): Verdict {
  const { command, because } = refusal;
  const reason = { code: "command-refused", command: command.kind, because } as const;
  finish(context, service, { command, reason });
  return "settled";
}

function finish(
  context: Context,
  service: Service,
  end: {
    readonly command: ServiceCommand;
    readonly reason: Extract<Reason, { code: "command" | "command-refused" }>;
  },
): void {
  context.state.commands.delete(service.id);
  context.effects.push({
    kind: "finish-command",
    service: service.id,
    commandId: end.command.id,
    reason: end.reason,
  });
}
