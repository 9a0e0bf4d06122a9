/**
 * Services on a node that a person has put offline. Nothing is decided about them: what runs goes on, what is lost with the
 * node's lease stays where it is, and all of it is looked at when the node is enabled. What was on its way before is brought
 * to its end, as far as the node's agent says how it went.
 */
import { assertNever } from "../../assert.ts";
import type { PlacedStatus, Service, SettledStatus } from "../../model/service.ts";
import { refuseCommand } from "../commands.ts";
import { type Context, isLeftAlone, isUp, type Verdict } from "../context.ts";
import { onFreeze } from "../states/on-freeze.ts";
import { agentRestarts, freeze } from "./arming.ts";

/** What is done about a placed service; undefined: its state's own handler goes on. */
export function onOffline(
  context: Context,
  service: Service,
  status: PlacedStatus,
): Verdict | undefined {
  if (!isLeftAlone(context, status)) return undefined;
  switch (status.state) {
    case "started":
    case "stopped":
    case "request_stop":
      return leave(context, service, status, "may-freeze");
    case "request_start":
      return leave(context, service, status, "stays");
    case "freeze":
      return stayFrozen(context, service, status);
    // A person's own matter.
    case "error":
    case "ignored":
    // Their copies here are dead, or known to be when the agent says so.
    case "fence":
    case "recovery":
    case "migrate":
    case "relocate":
    case "request_start_balance":
      return undefined;
    default:
      return assertNever(status);
  }
}

/** An agent that restarts lets go of its services, so that they run on meanwhile: that is part of leaving them alone. */
function leave(
  context: Context,
  service: Service,
  status: SettledStatus,
  kind: "may-freeze" | "stays",
): Verdict {
  refuseCommand(context, service, "its node is offline; enable that first");
  if (kind === "stays" || !agentRestarts(context, status.node)) return "settled";
  freeze(context, status, { code: "agent-restarts", node: status.node });
  return "changed";
}

/** Given back to its agent when that is back. */
function stayFrozen(context: Context, service: Service, status: SettledStatus): Verdict {
  if (isUp(context, status.node)) return onFreeze(context, service, status);
  refuseCommand(context, service, "it is frozen");
  return "settled";
}
