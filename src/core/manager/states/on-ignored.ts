/** A service that a person looks after: left as it is, where it is, until it is to be managed again (S8). */
import type { Service, SettledStatus } from "../../model/service.ts";
import { refuseCommand } from "../commands.ts";
import { type Context, isLost, nodeOf, setStatus, successor, type Verdict } from "../context.ts";
import { requestedTarget } from "../transitions.ts";

/** Comes back under management where it was; its node lost, a copy may be alive there and must be confirmed dead. */
export function onIgnored(context: Context, service: Service, status: SettledStatus): Verdict {
  refuseCommand(context, service, "it is ignored");
  if (service.requested === "ignored" && !service.removing) return "settled";
  const node = nodeOf(context, status.node);
  const reason = { code: "managed-again" } as const;
  if (isLost(context, node.id)) {
    const base = successor(context, status);
    setStatus(context, { ...base, state: "fence", reason });
    return "changed";
  }
  const nodeEpoch = node.leaseEpoch ?? status.nodeEpoch;
  const base = successor(context, status, nodeEpoch);
  setStatus(context, { ...base, state: requestedTarget(service), reason });
  return "changed";
}
