/** A service whose lost copy is known dead: it gets a new node as soon as there is one. */
import type { Service, SettledStatus } from "../../model/service.ts";
import { chooseNode } from "../../placement/choose-node.ts";
import { refuseCommand } from "../commands.ts";
import {
  type Context,
  forgetService,
  nextUid,
  nodeOf,
  setStatus,
  successor,
  type Verdict,
} from "../context.ts";
import { isolationOrder, requestedTarget } from "../transitions.ts";

/** Takes the service over on the best node; none online: it waits, for ever if need be. */
export function onRecovery(context: Context, service: Service, status: SettledStatus): Verdict {
  if (service.removing) {
    forgetService(context, service.id, { code: "removing" });
    return "settled";
  }
  refuseCommand(context, service, "it is being recovered");
  if (service.requested === "ignored") return "settled";
  if (service.requested === "disabled") {
    const base = successor(context, status);
    const reason = { code: "requested", requested: service.requested } as const;
    setStatus(context, { ...base, state: "stopped", mayOutliveLease: false, reason });
    return "changed";
  }
  const { nodes, loadOn } = context.state;
  const best = chooseNode({ nodes: nodes.values(), loadOn, excluded: [] });
  if (best === undefined) return "settled";
  const lost = nodeOf(context, status.node);
  setStatus(
    context,
    {
      service: service.id,
      uid: nextUid(context),
      failedNodes: status.failedNodes,
      sinceMs: context.now,
      state: requestedTarget(service),
      node: best.node,
      nodeEpoch: nodeOf(context, best.node).epoch,
      ...isolationOrder(service),
      reason: {
        code: "recovered",
        from: lost.id,
        to: best.node,
        serviceCount: best.serviceCount,
      },
    },
    { node: lost.id, epoch: lost.epoch },
  );
  return "changed";
}
