/** A service on a node that is closed to it, by a taint or by a person: it is not started there, and leaves when it can. */
import type { PlacedStatus, Service } from "../../model/service.ts";
import { type Context, nodeOf, type Verdict } from "../context.ts";
import { holdsFailover } from "../policy/freeze.ts";
import { followNode } from "../transitions.ts";
import { stayBarrier } from "./barrier.ts";
import { chooseNode } from "./choose.ts";
import { sayNoOtherNode } from "./no-other-node.ts";
import { beginPolicyMove } from "./policy-move.ts";

/**
 * Has a service that is to start on a node that is flushed, or has a taint that it does not tolerate, start elsewhere, or wait; undefined:
 * the node is open to it, or a copy of it may run there, which is to be looked after all the same.
 */
export function startElsewhere(
  context: Context,
  service: Service,
  status: PlacedStatus,
): Verdict | undefined {
  const { state } = context;
  const closed = stayBarrier(state, service, nodeOf(context, status.node));
  if (closed === undefined) return undefined;
  const best = chooseNode(state, service, { status, preference: "best-score" });
  if (best === undefined || best.node === status.node) {
    if (status.mayOutliveLease) return undefined;
    if (followNode(context, status) === "changed") return "changed";
    return sayNoOtherNode(context, service, { status, closed, wants: "start" });
  }
  if (holdsFailover(state)) return status.mayOutliveLease ? undefined : followNode(context, status);
  const retryAtMs = state.retryAt.get(service.id);
  if (retryAtMs !== undefined && context.now < retryAtMs) return followNode(context, status);
  const { node: from } = status;
  const reason = { code: "taint-move", from, to: best.node, because: closed } as const;
  const move = { status, target: best.node, reason, state: "request_start_balance" } as const;
  return beginPolicyMove(context, service, move);
}
