/** Services whose last move by policy is not long ago: looked at again when a round is over, so that none spins. */
import type { ServiceId } from "../../ids.ts";
import type { InstantMs } from "../../time.ts";
import type { Context } from "../context.ts";
import type { ManagerState } from "../state.ts";

/** Marks those whose time has come. */
export function markDueRetries(context: Context): void {
  const { retryAt, dirty } = context.state;
  for (const [service, atMs] of retryAt) {
    if (context.now < atMs) return; // they are in order of time
    retryAt.delete(service);
    dirty.add(service);
  }
}

/** No move of the service by policy before `atMs`. */
export function holdBack(state: ManagerState, service: ServiceId, atMs: InstantMs): void {
  state.retryAt.delete(service);
  state.retryAt.set(service, atMs);
}

/** When the next one is due. */
export function nextRetryAt(state: ManagerState): InstantMs | undefined {
  for (const atMs of state.retryAt.values()) return atMs;
  return undefined;
}
