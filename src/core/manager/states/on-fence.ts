/** A service whose node was lost: it waits until no copy of it can run there any more (S1, S4). */
import type { Service, SettledStatus } from "../../model/service.ts";
import { refuseCommand } from "../commands.ts";
import { type Context, isDead, isUp, nodeOf, type Verdict } from "../context.ts";
import { requestFencing } from "../nodes/node-fencing.ts";
import { enter, enterRecovery, resumeHere } from "../transitions.ts";

/** Goes on to `recovery` once fencing is acknowledged; a surviving copy goes on where it is if its node is back. */
export function onFence(context: Context, service: Service, status: SettledStatus): Verdict {
  refuseCommand(context, service, "its node is being fenced");
  const node = nodeOf(context, status.node);
  if (isDead(context, status)) {
    const confirmed = status.mayOutliveLease;
    const code = confirmed ? "confirmed-off" : "fenced";
    const reason = { code, node: node.id, epoch: status.nodeEpoch } as const;
    return enterRecovery(context, status, reason);
  }
  if (isUp(context, node.id) && node.leaseEpoch !== undefined) {
    const nodeEpoch = node.leaseEpoch;
    const reason = { code: "node-returned", node: node.id, epoch: nodeEpoch } as const;
    return resumeHere(context, service, { status, nodeEpoch, reason });
  }
  if (node.epoch <= status.nodeEpoch) {
    requestFencing(context, node.id);
    return "settled";
  }
  if (status.reason.code === "waits-for-confirmation") return "settled";
  const reason = {
    code: "waits-for-confirmation",
    node: node.id,
    epoch: status.nodeEpoch,
  } as const;
  return enter(context, { status, state: "fence", reason });
}
