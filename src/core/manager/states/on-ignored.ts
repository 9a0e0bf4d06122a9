/** A service that a person looks after: left as it is, where it is, until it is to be managed again (S8). */
import type { Service, SettledStatus } from "../../model/service.ts";
import { refuseCommand } from "../commands.ts";
import { type Context, isUp, nodeOf, setStatus, successor, type Verdict } from "../context.ts";
import { takeLocation } from "../policy/arming.ts";
import { requestedTarget } from "../transitions.ts";

/** Comes back under management where it was; its node lost, a copy may be alive there and must be confirmed dead. */
export function onIgnored(context: Context, service: Service, status: SettledStatus): Verdict {
  // Said while nobody managed it: it holds, also if it is to be managed again by now.
  if (takeLocation(context, service, status) === "changed") return "changed";
  refuseCommand(context, service, "it is ignored");
  if (service.requested === "ignored" && !service.removing) return "settled";
  const node = nodeOf(context, status.node);
  const reason = { code: "managed-again" } as const;
  const base = successor(context, status, isUp(context, node.id) ? node.leaseEpoch : undefined);
  setStatus(context, { ...base, state: requestedTarget(service), reason });
  return "changed";
}
