/** A start was decided: it becomes `started` on its node. The next release chooses the best node first here. */
import type { PlacedStatus, Service } from "../../model/service.ts";
import { type Context, setStatus, successor, type Verdict } from "../context.ts";
import { enter, followNode, isolationOrder, reasonToStop } from "../transitions.ts";

/** Goes on to `started`, or to `request_stop` when the person has changed their mind. */
export function onRequestStart(context: Context, service: Service, status: PlacedStatus): Verdict {
  if (followNode(context, status) === "changed") return "changed";
  const stop = reasonToStop(service);
  if (stop !== undefined) {
    return enter(context, { status, state: "request_stop", reason: stop });
  }
  // A new copy follows the service's present order, whatever was true of the copy before it; one that was not
  // confirmed dead may outlive the lease still (S1).
  const order = isolationOrder(service);
  const mayOutliveLease = order.mayOutliveLease || status.mayOutliveLease;
  const base = { ...successor(context, status), ...order, mayOutliveLease };
  setStatus(context, { ...base, state: "started", reason: status.reason });
  return "changed";
}
