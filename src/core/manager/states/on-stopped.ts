/** A service that is not to run: it stays on its node until it is wanted, moved, removed or its node is lost. */
import type { Reason } from "../../explain/reason.ts";
import type { Service, SettledStatus } from "../../model/service.ts";
import { takeUpCommand } from "../commands.ts";
import { type Context, isLost, nodeOf, setStatus, type Verdict } from "../context.ts";
import { agentRestarts, freeze, takeLocation } from "../policy/arming.ts";
import { lostRequirement } from "../policy/order.ts";
import { enter, followNode } from "../transitions.ts";

/** Decides about a service in `stopped`. `disabled` ones stay where they are whatever happens to the node. */
export function onStopped(context: Context, service: Service, status: SettledStatus): Verdict {
  if (service.removing) {
    return enter(context, {
      status,
      state: "request_stop",
      reason: { code: "removing" },
    });
  }
  if (service.requested === "ignored") {
    return enter(context, { status, state: "ignored", reason: { code: "ignored" } });
  }
  if (service.requested !== "started") {
    const located = takeLocation(context, service, status);
    if (located === "changed") return located;
  }
  if (takeUpCommand(context, service, status) === "changed") return "changed";
  const node = nodeOf(context, status.node);
  if (isLost(context, status.node) && node.state !== "maintenance") {
    if (service.requested === "disabled") return "settled";
    return followNode(context, status);
  }
  if (node.state !== "maintenance" && followNode(context, status) === "changed") return "changed";
  if (agentRestarts(context, node.id)) {
    freeze(context, status, { code: "agent-restarts", node: node.id });
    return "changed";
  }
  if (service.requested === "started") {
    const lost = lostRequirement(context, service);
    if (lost !== undefined) return sayRequirement(context, status, lost);
    const reason = { code: "requested", requested: "started" } as const;
    return enter(context, { status, state: "request_start", reason });
  }
  return noteConfirmedStop(context, status);
}

/** It would start and may not: whom it misses is said once. */
function sayRequirement(context: Context, status: SettledStatus, lost: Reason): Verdict {
  const known = status.reason;
  const isSaid =
    known.code === "requirement-lost" &&
    lost.code === "requirement-lost" &&
    known.service === lost.service;
  if (isSaid) return noteConfirmedStop(context, status);
  setStatus(context, { ...status, reason: lost }); // the same instruction
  return "changed";
}

/** `stopped` out of `error` or `recovery` was not confirmed yet; when it is, no copy can survive any more. */
function noteConfirmedStop(context: Context, status: SettledStatus): Verdict {
  const report = context.state.reports.get(status.service);
  const confirmed = report?.uid === status.uid && report.result === "stopped";
  if (!confirmed || !status.mayOutliveLease) return "settled";
  setStatus(context, { ...status, mayOutliveLease: false });
  return "changed";
}
