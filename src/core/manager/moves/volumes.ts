/**
 * Volumes on a node's own disks bind a service to the node where it has run, as long as that node is in the cluster:
 * elsewhere it would start with nothing, or with something old.
 */
import type { PlacedStatus, Service } from "../../model/service.ts";
import { type Context, isLost, setStatus, type Verdict } from "../context.ts";

/**
 * Notes where a started service's volumes are, once it is known to run there, or, told to, may have run there when the
 * node was lost. Without volumes nothing binds it any more.
 */
export function noteVolumes(context: Context, service: Service, status: PlacedStatus): Verdict {
  const { boundTo, ...free } = status;
  const { node } = status;
  if (service.volumes.length === 0) {
    if (boundTo === undefined) return "settled";
    setStatus(context, { ...free, reason: { code: "volumes-freed", node: boundTo } });
    return "changed";
  }
  if (boundTo !== undefined || !context.state.registered.has(node)) return "settled";
  const report = context.state.reports.get(service.id);
  const runs = report?.uid === status.uid && report.result === "running";
  if (!runs && !isLost(context, node)) return "settled";
  const reason = { code: "volumes-bound", node, volumes: service.volumes } as const;
  setStatus(context, { ...status, boundTo: node, reason });
  return "changed";
}

/** The node of its volumes has left the cluster: nothing binds the service any more, in whatever state it is. */
export function freeVolumes(context: Context, status: PlacedStatus): Verdict {
  const { boundTo, ...free } = status;
  if (boundTo === undefined || context.state.registered.has(boundTo)) return "settled";
  const isWaiting = status.state === "recovery";
  const reason = isWaiting ? ({ code: "volumes-freed", node: boundTo } as const) : status.reason;
  setStatus(context, { ...free, reason });
  return "changed";
}
