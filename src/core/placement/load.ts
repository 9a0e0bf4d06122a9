/** Which services count as load on a node; the scheduler `basic` counts them and nothing else. */
import { assertNever } from "../assert.ts";
import type { ServiceStatus } from "../model/service.ts";

/** Whether the service counts on its own node. One that moves counts on its target besides. */
export function countsAsLoad(status: ServiceStatus): boolean {
  switch (status.state) {
    case "started":
    case "request_stop":
    case "fence":
    case "freeze":
    case "error":
    case "recovery":
    case "migrate":
    case "relocate":
      return true;
    case "queued":
    case "request_start":
    case "request_start_balance":
    case "stopped":
    case "ignored":
      return false;
    default:
      return assertNever(status);
  }
}

/**
 * Whether the service's memory is spoken for on its own node: also while it waits to start there, and while it is not
 * known dead there.
 */
export function commitsMemory(status: ServiceStatus): boolean {
  switch (status.state) {
    case "request_start":
    case "request_start_balance":
    case "started":
    case "request_stop":
    case "freeze":
    case "migrate":
    case "relocate":
    case "error":
    case "fence":
      return true;
    case "queued":
    case "stopped":
    case "ignored":
    case "recovery":
      return false;
    default:
      return assertNever(status);
  }
}
