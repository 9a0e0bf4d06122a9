/** A service that is to run on its node: follows the node, the person's wish, commands and its agent's reports. */
import { assertNever } from "../../assert.ts";
import type { PlacedStatus, Service, ServiceReport, SettledStatus } from "../../model/service.ts";
import { refuseCommand, takeUpCommand } from "../commands.ts";
import { type Context, isUp, nextUid, nodeOf, setStatus, type Verdict } from "../context.ts";
import { isPinned } from "../moves/pinned.ts";
import { considerMove, tryNextNode } from "../moves/policy-move.ts";
import { noteVolumes } from "../moves/volumes.ts";
import { agentRestarts, freeze } from "../policy/arming.ts";
import { holdsFailover } from "../policy/freeze.ts";
import { lostRequirement, stopsFirst } from "../policy/order.ts";
import { enter, followNode, reasonToStop } from "../transitions.ts";

/** Decides about a service in `started`. */
export function onStarted(context: Context, service: Service, status: SettledStatus): Verdict {
  if (noteVolumes(context, service, status) === "changed") return "changed";
  if (followNode(context, status) === "changed") return "changed";
  const node = nodeOf(context, status.node);
  // A node that is only missed so far is waited for: it comes back, or it is fenced.
  if (!isUp(context, node.id) && node.state !== "maintenance") return "settled";
  const stop = reasonToStop(service) ?? lostRequirement(context, service);
  if (stop !== undefined) {
    if (stopsFirst(context, service) !== undefined) return "settled";
    refuseCommand(context, service, "it is to be stopped");
    return enter(context, { status, state: "request_stop", reason: stop });
  }
  if (service.requested === "ignored") {
    const base = { ...status, uid: nextUid(context), sinceMs: context.now };
    // From here on the guard leaves it alone: the loss of the node's lease proves nothing about it.
    const ignored = { state: "ignored", survivesIsolation: true, mayOutliveLease: true } as const;
    setStatus(context, { ...base, ...ignored, reason: { code: "ignored" } });
    return "changed";
  }
  if (agentRestarts(context, node.id)) {
    freeze(context, status, { code: "agent-restarts", node: node.id });
    return "changed";
  }
  if (takeUpCommand(context, service, status) === "changed") return "changed";
  if (applyIsolationPolicy(context, service, status) === "changed") return "changed";
  const report = context.state.reports.get(service.id);
  if (report?.uid === status.uid) {
    const verdict = onReport(context, service, { status, report });
    if (verdict === "changed") return verdict;
  }
  return considerMove(context, service, status);
}

/**
 * A changed `onIsolation` is a new instruction. Towards `stop`, a copy may outlive its node's lease until the
 * agent has confirmed under that very uid that the guard watches it (S1).
 */
function applyIsolationPolicy(context: Context, service: Service, status: SettledStatus): Verdict {
  const survivesIsolation = service.onIsolation === "keep";
  if (survivesIsolation === status.survivesIsolation) return "settled";
  setStatus(context, {
    ...status,
    uid: nextUid(context),
    sinceMs: context.now,
    survivesIsolation,
    mayOutliveLease: true,
    reason: { code: "isolation-policy", onIsolation: service.onIsolation },
  });
  return "changed";
}

function onReport(
  context: Context,
  service: Service,
  word: { readonly status: SettledStatus; readonly report: ServiceReport },
): Verdict {
  const { status, report } = word;
  const { node, detail } = report;
  switch (report.result) {
    case "running":
      return onRunning(context, { status, report });
    case "failed":
    case "stopped":
      return onFailedStart(context, service, word);
    case "released":
      return "settled"; // of an instruction to leave it alone; this one is newer
    case "wrong-node":
      return enter(context, {
        status,
        state: "error",
        reason: { code: "wrong-node", node, detail },
      });
    case "unknown-error":
      return enter(context, {
        status,
        state: "error",
        reason: { code: "agent-error", node, detail },
      });
    default:
      return assertNever(report.result);
  }
}

/** Failed nodes are forgotten only once it has run for a while: one that keeps crashing must not wander for ever. */
function onRunning(
  context: Context,
  word: { readonly status: SettledStatus; readonly report: ServiceReport },
): Verdict {
  const { status, report } = word;
  const nowGuarded = !status.survivesIsolation && status.mayOutliveLease;
  const forgets = report.stable && status.failedNodes.length > 0;
  if (!forgets && !nowGuarded) return "settled";
  // The same instruction still: the uid stays, so that the agent has nothing to do again.
  setStatus(context, {
    ...status,
    failedNodes: report.stable ? [] : status.failedNodes,
    mayOutliveLease: status.survivesIsolation,
    reason: { code: "reported-running", node: status.node },
  });
  return "changed";
}

/** Another node, as long as the policy allows; the same one when all were tried; else `error`. */
function onFailedStart(
  context: Context,
  service: Service,
  word: { readonly status: PlacedStatus; readonly report: ServiceReport },
): Verdict {
  if (holdsFailover(context.state)) return "settled"; // where to next is decided when that ends
  const { report } = word;
  const failedNodes = [...word.status.failedNodes, word.status.node];
  const status = { ...word.status, failedNodes };
  const { node, detail } = report;
  const relocateMax = isPinned(service.id) ? 0 : service.maxRelocate;
  if (failedNodes.length > relocateMax) {
    const reason = {
      code: "relocates-exhausted",
      nodes: failedNodes,
      detail,
      relocateMax,
    } as const;
    return enter(context, { status, state: "error", reason });
  }
  const target = tryNextNode(context, service, status);
  if (target === undefined) {
    const reason = { code: "retry-same-node", node, detail } as const;
    return enter(context, { status, state: "started", reason });
  }
  const failedCount = failedNodes.length;
  return target.begin({
    code: "start-failed",
    node,
    target: target.node,
    detail,
    failedCount,
    relocateMax,
  });
}
