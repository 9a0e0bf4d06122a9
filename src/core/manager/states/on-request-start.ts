/** A start was decided: it becomes `started` on its node. The next release chooses the best node first here. */
import type { PlacedStatus, Service } from "../../model/service.ts";
import type { Context, Verdict } from "../context.ts";
import { enter, followNode, reasonToStop } from "../transitions.ts";

/** Goes on to `started`, or to `request_stop` when the person has changed their mind. */
export function onRequestStart(context: Context, service: Service, status: PlacedStatus): Verdict {
  if (followNode(context, status) === "changed") return "changed";
  const stop = reasonToStop(service);
  if (stop !== undefined) {
    return enter(context, { status, state: "request_stop", reason: stop });
  }
  return enter(context, { status, state: "started", reason: status.reason });
}
