/** Carries out a person's order about a service in `started` or `stopped`, or refuses it with the reason. */
import { assertNever } from "../assert.ts";
import type { Reason } from "../explain/reason.ts";
import type { PlacedStatus, Service, ServiceCommand } from "../model/service.ts";
import { type Context, isOnline, setStatus, successor, type Verdict } from "./context.ts";
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
  const target = command.target;
  if (target === undefined || !isOnline(context, target)) {
    return finishRefused(context, service, {
      command,
      because: `node "${target ?? ""}" is not online`,
    });
  }
  if (target === status.node) {
    return finishRefused(context, service, {
      command,
      because: `it is on node "${target}" already`,
    });
  }
  const reason = { code: "command", command: command.kind, target } as const;
  finish(context, service, { command, reason });
  return beginMove(context, { status, state: order.state, target, reason });
}

function stopByCommand(
  context: Context,
  service: Service,
  order: { readonly status: PlacedStatus; readonly command: ServiceCommand },
): Verdict {
  const { status, command } = order;
  const reason = { code: "command", command: "stop", target: undefined } as const;
  finish(context, service, { command, reason });
  if (service.requested !== "stopped") {
    context.state.services.set(service.id, { ...service, requested: "stopped" });
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
