/** A service that is left as it is while its agent restarts, its node reboots or the cluster is disarmed. */
import type { Service, SettledStatus } from "../../model/service.ts";
import { refuseCommand } from "../commands.ts";
import { type Context, isDead, isLost, isUp, nodeOf, type Verdict } from "../context.ts";
import { requestFencing } from "../nodes/node-fencing.ts";
import { enterRecovery, followNode, resumeHere } from "../transitions.ts";

/**
 * Takes it up again when its agent is active, or when the cluster that it was frozen with is armed again. It is never
 * fenced from here: with its node away, only a person's word that the node is off lets it run elsewhere.
 */
export function onFreeze(context: Context, service: Service, status: SettledStatus): Verdict {
  refuseCommand(context, service, "it is frozen");
  const node = nodeOf(context, status.node);
  const reason = { code: "managed-again" } as const;
  if (isUp(context, node.id)) {
    if (node.agentMode === "restart") return "settled";
    return resumeHere(context, service, { status, nodeEpoch: node.leaseEpoch, reason });
  }
  if (node.confirmedOffEpoch >= status.nodeEpoch && node.leaseEpoch !== status.nodeEpoch) {
    if (isDead(context, status)) {
      const epoch = status.nodeEpoch;
      return enterRecovery(context, status, { code: "confirmed-off", node: node.id, epoch });
    }
    requestFencing(context, node.id); // its epoch is still to be ended in the store (S4)
    return "settled";
  }
  // It was lost before it was frozen: the epoch's end proves its copy dead.
  if (isLost(context, node.id) && !status.mayOutliveLease) return followNode(context, status);
  // Frozen with the whole cluster, it is managed like any other again: if its node is lost, it is fenced from there.
  if (status.reason.code === "disarmed") return resumeHere(context, service, { status, reason });
  return "settled";
}
