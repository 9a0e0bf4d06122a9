/** A service that is left as it is while its node's agent restarts or its node reboots. */
import type { Service, SettledStatus } from "../../model/service.ts";
import { type Context, isOnline, type Verdict } from "../context.ts";
import { enter, followNode, requestedTarget } from "../transitions.ts";

/** Takes it up again when its agent is active; it is never fenced from here. */
export function onFreeze(context: Context, service: Service, status: SettledStatus): Verdict {
  if (!isOnline(context, status.node)) return "settled";
  if (followNode(context, status) === "changed") return "changed";
  const reason = { code: "managed-again" } as const;
  return enter(context, { status, state: requestedTarget(service), reason });
}
