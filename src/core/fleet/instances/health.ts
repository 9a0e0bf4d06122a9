/** Whether an instance runs as its service's record says, and is healthy. */
import { type FleetContext, markGroupOf } from "../context.ts";
import { isSame } from "../memory/copies.ts";
import { inMaintenance, isOnline } from "../memory/nodes.ts";
import type { Copy, FleetState } from "../state.ts";

/** Whether the agent of its node, under its present lease, reports the present content running and in health. */
export function isHealthyNow(state: FleetState, copy: Copy): boolean {
  const { service, node, release } = copy.instance;
  const record = state.services.get(service);
  const status = state.statuses.get(service);
  const report = state.reports.get(service);
  if (copy.expected !== undefined || record === undefined || report === undefined) return false;
  if (record.requested !== "started" || record.removing || !isSame(record.release, release)) {
    return false;
  }
  const leaseEpoch = state.leases.get(node);
  if (leaseEpoch === undefined || !state.nodes.has(node) || report.epoch !== leaseEpoch) {
    return false;
  }
  return (
    status?.state === "started" &&
    status.uid === report.uid &&
    report.node === node &&
    report.result === "running" &&
    report.configRevision >= record.revision &&
    (report.health === "none" || report.health === "healthy")
  );
}

/** Notes since when it is healthy, or that it is not any more; those that wait for that are looked at. */
export function refreshHealth(context: FleetContext, copy: Copy): void {
  const { state, now } = context;
  const isHealthy = isHealthyNow(state, copy);
  if (isHealthy === (copy.healthySinceMs !== undefined)) return;
  copy.healthySinceMs = isHealthy ? now : undefined;
  const { phase, node, deployment } = copy.instance;
  const isFirst = phase === "installing" || phase === "upgrading";
  if (!isHealthy && !isFirst) copy.clockFromMs = now;
  markGroupOf(state, node);
  state.dirty.pools.add(deployment);
}

/** Whether nobody could make it healthy now: its node is away, or its service is in nobody's hands. */
export function isOutOfHands(state: FleetState, copy: Copy): boolean {
  const { node, service } = copy.instance;
  const requested = state.services.get(service)?.requested;
  if (requested === "ignored" || requested === "stopped") return true;
  if (!state.armed || !isOnline(state, node) || inMaintenance(state, node)) return true;
  const status = state.statuses.get(service);
  if (status === undefined) return false;
  const { state: managerState, suspended } = status;
  return (
    suspended || managerState === "freeze" || managerState === "ignored" || managerState === "fence"
  );
}

/** The attempt's time stands still while nobody could make it healthy, and begins anew after that. */
export function refreshClock({ state, now }: FleetContext, copy: Copy): void {
  const isStopped = isOutOfHands(state, copy);
  if (copy.isClockStopped && !isStopped) copy.clockFromMs = now;
  copy.isClockStopped = isStopped;
}

/** When the time of the present attempt began. */
export function clockSinceMs(copy: Copy): number {
  return Math.max(copy.instance.attemptSinceMs, copy.clockFromMs ?? 0);
}
