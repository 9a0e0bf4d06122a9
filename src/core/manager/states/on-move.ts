/** A service on its way: its agent stops it on the source, and only then the target is told to start it (S1). */
import type { MovingStatus, Service, ServiceReport } from "../../model/service.ts";
import { type Context, isOnline, nextUid, nodeOf, setStatus, type Verdict } from "../context.ts";
import { enter, followNode, isolationOrder, requestedTarget } from "../transitions.ts";

/** Waits for the source's word, then hands the service over. */
export function onMove(context: Context, service: Service, status: MovingStatus): Verdict {
  if (followNode(context, status) === "changed") return "changed";
  const report = context.state.reports.get(service.id);
  if (report?.uid !== status.uid) return "settled";
  if (report.result === "stopped") return handOver(context, service, status);
  return onFailedMove(context, service, { status, report });
}

function handOver(context: Context, service: Service, status: MovingStatus): Verdict {
  const { node: from, target: to } = status;
  if (!isOnline(context, to)) {
    const reason = { code: "target-lost", target: to } as const;
    return enter(context, { status, state: requestedTarget(service), reason });
  }
  setStatus(context, {
    service: service.id,
    uid: nextUid(context),
    failedNodes: status.failedNodes,
    sinceMs: context.now,
    state: requestedTarget(service),
    node: to,
    nodeEpoch: nodeOf(context, to).epoch,
    ...isolationOrder(service),
    reason: { code: "moved", from, to },
  });
  return "changed";
}

function onFailedMove(
  context: Context,
  service: Service,
  word: { readonly status: MovingStatus; readonly report: ServiceReport },
): Verdict {
  const { status, report } = word;
  const { node, target } = status;
  const { detail } = report;
  if (report.result === "wrong-node") {
    const reason = { code: "wrong-node", node, detail } as const;
    return enter(context, { status, state: "error", reason });
  }
  const reason = { code: "move-failed", node, target, detail } as const;
  return enter(context, { status, state: requestedTarget(service), reason });
}
