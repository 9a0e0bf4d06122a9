/** A start was decided: it waits for those that it names, may be placed anew, and becomes `started`. */
import type { PlacedStatus, Service } from "../../model/service.ts";
import { type Context, setStatus, successor, type Verdict } from "../context.ts";
import { chooseNode } from "../moves/choose.ts";
import { startElsewhere } from "../moves/closed-node.ts";
import { isFrozen } from "../policy/freeze.ts";
import { lostRequirement, waitReason } from "../policy/order.ts";
import { beginMove, enter, followNode, isolationOrder, reasonToStop } from "../transitions.ts";

/** Goes on to `started`, or to `request_stop` when the person has changed their mind. */
export function onRequestStart(context: Context, service: Service, status: PlacedStatus): Verdict {
  // What was frozen or failed to move may run still: without what it needs it is stopped here too.
  const stop = reasonToStop(service) ?? lostRequirement(context, service);
  if (stop !== undefined) {
    return enter(context, { status, state: "request_stop", reason: stop });
  }
  const waits = waitReason(context, service);
  if (waits !== undefined) {
    if (followNode(context, status) === "changed") return "changed";
    const known = status.reason;
    const isSaid =
      known.code === "waits-for" && waits.code === "waits-for" && known.service === waits.service;
    if (isSaid) return "settled";
    setStatus(context, { ...status, reason: waits }); // the same instruction: its agent does nothing
    return "settled";
  }
  const elsewhere = startElsewhere(context, service, status);
  if (elsewhere !== undefined) return elsewhere;
  const { rebalanceOnStart } = context.state.settings;
  if (rebalanceOnStart && !isFrozen(context.state) && status.state === "request_start") {
    const better = betterNode(context, service, status);
    if (better === "changed") return "changed";
  }
  // A new copy follows the service's present order, whatever was true of the copy before it; one that was not
  // confirmed dead may outlive the lease still (S1).
  const order = isolationOrder(service);
  const mayOutliveLease = order.mayOutliveLease || status.mayOutliveLease;
  const base = { ...successor(context, status), ...order, mayOutliveLease };
  const clearLocks = status.clearLocks === true ? { clearLocks: true } : {};
  setStatus(context, { ...base, ...clearLocks, state: "started", reason: startReason(status) });
  return "changed";
}

function startReason(status: PlacedStatus): PlacedStatus["reason"] {
  const { code } = status.reason;
  if (code === "waits-for") return { code: "no-longer-waits" };
  return code === "no-other-node" ? { code: "may-stay", node: status.node } : status.reason;
}

function betterNode(context: Context, service: Service, status: PlacedStatus): Verdict {
  const best = chooseNode(context.state, service, { status, preference: "best-score" });
  if (best === undefined || best.node === status.node) return "settled";
  const reason = { code: "rebalanced-on-start", from: status.node, to: best.node } as const;
  return beginMove(context, { status, state: "request_start_balance", target: best.node, reason });
}
