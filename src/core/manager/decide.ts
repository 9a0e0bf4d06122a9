/** Decides about one service: one file `on-<state>.ts` for each state. */
import { assertNever } from "../assert.ts";
import type { ServiceId } from "../ids.ts";
import type { Service, ServiceStatus } from "../model/service.ts";
import type { Context, Verdict } from "./context.ts";
import { freeVolumes } from "./moves/volumes.ts";
import { applyArming } from "./policy/arming.ts";
import { isHeldByFreeze } from "./policy/freeze.ts";
import { onOffline } from "./policy/offline.ts";
import { onError } from "./states/on-error.ts";
import { onFence } from "./states/on-fence.ts";
import { onFreeze } from "./states/on-freeze.ts";
import { onIgnored } from "./states/on-ignored.ts";
import { onMove } from "./states/on-move.ts";
import { onQueued } from "./states/on-queued.ts";
import { onRecovery } from "./states/on-recovery.ts";
import { onRequestStart } from "./states/on-request-start.ts";
import { onRequestStop } from "./states/on-request-stop.ts";
import { onStarted } from "./states/on-started.ts";
import { onStopped } from "./states/on-stopped.ts";

/**
 * Decides one service's next state. One at a time: the others are looked at before it goes on, so that each sees where
 * the others belong.
 */
export function decide(context: Context, id: ServiceId): Verdict {
  const service = context.state.services.get(id);
  const status = context.state.statuses.get(id);
  if (service === undefined) return "settled";
  if (status === undefined || status.state === "queued") {
    return onQueued(context, service, status);
  }
  if (isHeldByFreeze(context, status)) return "settled";
  if (freeVolumes(context, status) === "changed") return "changed";
  return (
    applyArming(context, service, status) ??
    onOffline(context, service, status) ??
    onPlaced(context, service, status)
  );
}

function onPlaced(
  context: Context,
  service: Service,
  status: Exclude<ServiceStatus, { state: "queued" }>,
): Verdict {
  switch (status.state) {
    case "request_start":
      return onRequestStart(context, service, status);
    case "started":
      return onStarted(context, service, status);
    case "request_stop":
      return onRequestStop(context, service, status);
    case "stopped":
      return onStopped(context, service, status);
    case "migrate":
    case "relocate":
    case "request_start_balance":
      return onMove(context, service, status);
    case "freeze":
      return onFreeze(context, service, status);
    case "fence":
      return onFence(context, service, status);
    case "recovery":
      return onRecovery(context, service, status);
    case "error":
      return onError(context, service, status);
    case "ignored":
      return onIgnored(context, service, status);
    default:
      return assertNever(status);
  }
}
