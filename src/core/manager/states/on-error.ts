/** A service that needs a person: it is left alone until it is requested `disabled`, or removed (S8). */
import { isPlaced, type PlacedStatus, type Service } from "../../model/service.ts";
import { mutated } from "../../mutation.ts";
import { refuseCommand } from "../commands.ts";
import { type Context, setStatus, successor, type Verdict } from "../context.ts";
import { enter } from "../transitions.ts";

/** Leaves `error` only by a person's word. */
export function onError(context: Context, service: Service, status: PlacedStatus): Verdict {
  refuseCommand(context, service, "it is in error; request disabled first");
  if (mutated("S8-error-forgiven") && service.requested === "started") {
    return enter(context, { status, state: "request_start", reason: { code: "managed-again" } });
  }
  if (service.removing || service.requested !== "disabled") return "settled";
  const base = successor(context, status);
  const reason = { code: "requested", requested: "disabled" } as const;
  setStatus(context, { ...base, state: "stopped", failedNodes: [], reason });
  return "changed";
}

/** A person asked to remove it (again): another stop is tried, once for each asking. */
export function retryRemoval(context: Context, service: Service): void {
  const status = context.state.statuses.get(service.id);
  if (status === undefined || !isPlaced(status) || status.state !== "error") return;
  enter(context, { status, state: "request_stop", reason: { code: "removing" } });
}
