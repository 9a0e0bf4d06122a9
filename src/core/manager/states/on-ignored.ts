/** A service that a person looks after: left as it is, where it is, until it is to be managed again (S8). */
import type { Service, SettledStatus } from "../../model/service.ts";
import { refuseCommand } from "../commands.ts";
import { type Context, isUp, nodeOf, setStatus, successor, type Verdict } from "../context.ts";
import { takeLocation } from "../policy/arming.ts";
import { requestedTarget } from "../transitions.ts";

/** Comes back under management where it was; its node lost, a copy may be alive there and must be confirmed dead. */
export function onIgnored(context: Context, service: Service, status: SettledStatus): Verdict {
  if (service.requested === "ignored" && !service.removing) {
    const located = takeLocation(context, service, status);
    if (located === undefined) refuseCommand(context, service, "it is ignored");
    return located ?? "settled";
  }
  refuseCommand(context, service, "it is about to be managed again");
  const node = nodeOf(context, status.node);
  const reason = { code: "managed-again" } as const;
  const base = successor(context, status, isUp(context, node.id) ? node.leaseEpoch : undefined);
  setStatus(context, { ...base, state: requestedTarget(service), reason });
  return "changed";
}
