/** What is said of a service that would leave its node, or not start there, when no other node takes it. */
import type { Reason } from "../../explain/reason.ts";
import type { PlacedStatus, Service } from "../../model/service.ts";
import { type Context, setStatus, type Verdict } from "../context.ts";
import { whyNowhere } from "./nowhere.ts";

/** It would leave, or start elsewhere, and no other node takes it: that is said once, and it is looked at again. */
export function sayNoOtherNode(
  context: Context,
  service: Service,
  stay: {
    readonly status: PlacedStatus;
    readonly closed: string;
    readonly wants: "leave" | "start";
  },
): Verdict {
  const { state } = context;
  const { status, closed, wants } = stay;
  const { node } = status;
  const because = whyNowhere(state, service, { status, except: node });
  const reason = { code: "no-other-node", node, closed, wants, because } as const;
  if (!isSame(status.reason, reason)) setStatus(context, { ...status, reason }); // the same instruction
  state.waiting.add(service.id);
  return "settled";
}

/** The node is open to it again, or it tolerates what there is: it may stay. */
export function sayMayStay(context: Context, status: PlacedStatus): Verdict {
  if (status.reason.code !== "no-other-node") return "settled";
  setStatus(context, { ...status, reason: { code: "may-stay", node: status.node } });
  return "changed";
}

type NoOtherNode = Extract<Reason, { code: "no-other-node" }>;

function isSame(known: Reason, next: NoOtherNode): boolean {
  if (known.code !== "no-other-node") return false;
  const { node, closed, wants, because } = known;
  return (
    node === next.node && closed === next.closed && wants === next.wants && because === next.because
  );
}
