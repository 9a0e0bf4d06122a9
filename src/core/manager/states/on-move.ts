/** A service on its way: nothing of it may run on the source any more before the target is told to start it (S1). */
import type { Reason } from "../../explain/reason.ts";
import type { NodeId } from "../../ids.ts";
import type { MovingStatus, Service, ServiceReport } from "../../model/service.ts";
import { mutated } from "../../mutation.ts";
import { takeUpCommand } from "../commands.ts";
import { type Context, nodeOf, setStatus, type Verdict } from "../context.ts";
import { barrierTo, isClosedTo } from "../moves/barrier.ts";
import { chooseNode } from "../moves/choose.ts";
import { arrive, enter, followNode, resumeHere } from "../transitions.ts";

/** Waits for the source's word, then hands the service over. */
export function onMove(context: Context, service: Service, status: MovingStatus): Verdict {
  if (mutated("S1-two-ways") && takeUpCommand(context, service, status) === "changed") {
    return "changed";
  }
  const report = context.state.reports.get(service.id);
  const current = report?.uid === status.uid ? report : undefined;
  // Said while the lease lived: nothing of it is there, whatever has become of the node since.
  if (current?.result === "stopped") return handOver(context, service, status);
  if (followNode(context, status) === "changed") return "changed";
  if (current === undefined) return callOff(context, status);
  switch (current.result) {
    case "running":
      return stayRunning(context, service, status);
    case "failed":
    case "wrong-node":
    case "unknown-error":
    case "released":
      return onFailedMove(context, service, { status, report: current });
  }
}

/**
 * The maintenance that it was to leave for is over before its agent has said anything. Under the same uid the agent is
 * asked to leave it alone if it runs; what has begun to move is brought to its end, as its word counts in any case (S1).
 */
function callOff(context: Context, status: MovingStatus): Verdict {
  const { node, reason } = status;
  const isLeaving = reason.code === "maintenance-move" && status.state !== "request_start_balance";
  if (!isLeaving || nodeOf(context, node).state !== "online") return "settled";
  const next = { code: "maintenance-called-off", node } as const;
  setStatus(context, { ...status, state: "request_start_balance", reason: next });
  return "changed";
}

/** A target that was lost meanwhile gets nothing; one in maintenance is a node like others to a person's order. */
function handOver(context: Context, service: Service, status: MovingStatus): Verdict {
  const { node: from, target: to } = status;
  const target = context.state.nodes.get(to); // forgotten, if it was removed long ago
  if (target?.state !== "online" && target?.state !== "maintenance") {
    return goBack(context, service, status, { code: "target-lost", target: to });
  }
  const closed = barrierTo(context.state, service, status, to);
  if (closed !== undefined) {
    const other = otherTarget(context, service, status);
    if (other !== undefined) {
      return arrive(context, service, {
        status,
        node: other,
        reason: { code: "moved", from, to: other },
      });
    }
    return goBack(context, service, status, { code: "target-closed", target: to, because: closed });
  }
  return arrive(context, service, { status, node: to, reason: { code: "moved", from, to } });
}

/** It was to be placed anew before its start and runs already: it stays. */
function stayRunning(context: Context, service: Service, status: MovingStatus): Verdict {
  const reason = { code: "runs-already", node: status.node } as const;
  return resumeHere(context, service, { status, reason });
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
  return goBack(context, service, status, { code: "move-failed", node, target, detail });
}

/** Where it goes instead, if the source is closed to it too: it is not there any more, so nothing has to be moved. */
function otherTarget(context: Context, service: Service, status: MovingStatus): NodeId | undefined {
  const { state } = context;
  const isOpen = state.nodes.get(status.node)?.state === "online";
  if (isOpen && !isClosedTo(state, service, status.node)) return undefined;
  const best = chooseNode(state, service, { status, preference: "best-score" });
  return best?.node === status.node ? undefined : best?.node;
}

/** It stays at the source. One that was not running yet is not started there if the source is closed to it. */
function goBack(context: Context, service: Service, status: MovingStatus, reason: Reason): Verdict {
  const isToStart = status.state === "request_start_balance" && !status.mayOutliveLease;
  if (isToStart && isClosedTo(context.state, service, status.node)) {
    return enter(context, { status, state: "request_start", reason });
  }
  return resumeHere(context, service, { status, reason });
}
