/** A service that is left as it is while its agent restarts, its node reboots or the cluster is disarmed. */
import type { Service, SettledStatus } from "../../model/service.ts";
import { refuseCommand } from "../commands.ts";
import { type Context, isDead, isLost, isUp, nodeOf, type Verdict } from "../context.ts";
import { requestFencing } from "../nodes/node-fencing.ts";
import { enterRecovery, followNode, resumeHere } from "../transitions.ts";

/**
 * Takes it up again when its agent is active; it is never fenced from here. Only a person's word that the node is off
 * lets it run elsewhere.
 */
export function onFreeze(context: Context, service: Service, status: SettledStatus): Verdict {
  refuseCommand(context, service, "it is frozen");
  const node = nodeOf(context, status.node);
  if (node.confirmedOffEpoch >= status.nodeEpoch && node.leaseEpoch !== status.nodeEpoch) {
    if (isDead(context, status)) {
      const reason = { code: "confirmed-off", node: node.id, epoch: status.nodeEpoch } as const;
      return enterRecovery(context, status, reason);
    }
    requestFencing(context, node.id); // its epoch is still to be ended in the store (S4)
    return "settled";
  }
  // It was lost before it was frozen: the epoch's end proves its copy dead.
  if (isLost(context, node.id) && !status.mayOutliveLease) return followNode(context, status);
  if (!isUp(context, node.id) || node.agentMode === "restart") return "settled";
  const reason = { code: "managed-again" } as const;
  return resumeHere(context, service, { status, nodeEpoch: node.leaseEpoch, reason });
}
