/** What the coming and going of the lease means for what runs here (S3). */
import { assert } from "../assert.ts";
import { graceShare } from "../model/times.ts";
import { touchAll } from "./concern.ts";
import type { AgentEffect } from "./effect.ts";
import type { AgentEvent } from "./event.ts";
import { type AgentState, liveInstanceOf, type Slot } from "./state.ts";

/** What is left of it for the kill that follows a stop signal without effect, in milliseconds. */
const killReserveMs = 50;

type LeaseEvent = Extract<AgentEvent, { kind: "lease-granted" | "lease-renewed" }>;

/** A lease was granted or renewed. */
export function onLease(state: AgentState, event: LeaseEvent): void {
  if (event.kind === "lease-granted") {
    assert(!hasTrackedLife(state), "S3: nothing of an older epoch runs when a lease is granted");
  } else if (state.lease !== undefined && state.lease.epoch !== event.epoch) {
    return; // the renewal of a lease that is over
  }
  state.lease = {
    epoch: event.epoch,
    runUntilMs: event.runUntilMs,
    isolateAtMs: event.runUntilMs - event.watchdogMs * graceShare,
  };
  state.isolating = false;
  state.leaseRequested = false;
  state.operationCountMax = event.operationCountMax ?? state.operationCountMax;
}

/** The lease is over: what is left of its services is killed now; the guard does the same. */
export function loseLease(state: AgentState, why: string, effects: AgentEffect[]): void {
  if (state.lease !== undefined || hasTrackedLife(state)) {
    effects.push({
      kind: "log",
      level: "warn",
      sentence: `lease is over: ${why}; every service that may run elsewhere is killed`,
      service: undefined,
    });
  }
  state.lease = undefined;
  state.isolating = false;
  state.leaseRequested = false;
  touchAll(state);
  for (const slot of state.slots.values()) {
    slot.owned = undefined;
    if (slot.phase.kind === "confirming") slot.phase = { kind: "down", retryAtMs: 0 };
    if (slot.tracked) endUrgently(slot, 0, effects);
  }
}

/** Compares the lease with the time: asks services to end near its deadline, gives it up at the deadline. */
export function watchDeadline(state: AgentState, now: number, effects: AgentEffect[]): void {
  const lease = state.lease;
  if (lease === undefined) return;
  if (now >= lease.runUntilMs) {
    loseLease(state, "it was not renewed in time", effects);
  } else if (now >= lease.isolateAtMs && !state.isolating) {
    isolate(state, lease.runUntilMs - now, effects);
  }
}

function isolate(state: AgentState, leftMs: number, effects: AgentEffect[]): void {
  state.isolating = true;
  effects.push({
    kind: "log",
    level: "warn",
    sentence: `no server renewed the lease and ${Math.round(leftMs)} ms are left: services are being stopped`,
    service: undefined,
  });
  const timeoutMs = Math.max(0, Math.floor(leftMs - killReserveMs));
  touchAll(state);
  for (const slot of state.slots.values()) {
    if (!slot.tracked || slot.phase.kind === "stopping") continue;
    slot.owned = undefined;
    endUrgently(slot, timeoutMs, effects);
  }
}

function endUrgently(slot: Slot, timeoutMs: number, effects: AgentEffect[]): void {
  const phase = slot.phase;
  const instanceId = liveInstanceOf(phase);
  if (instanceId === undefined) return;
  if (phase.kind === "starting") {
    slot.phase = { ...phase, aborting: true };
    effects.push({ kind: "abort-start", service: slot.service, instanceId, timeoutMs });
    return;
  }
  const detail = "the lease was not renewed";
  // Its driver may still be at it: it is not begun a second time.
  if (phase.kind === "moving") slot.moveOutcome = { uid: phase.uid, result: "failed", detail };
  slot.phase = { kind: "stopping", instanceId, endsAs: "stay-down", detail, urgent: true };
  effects.push({ kind: "stop", service: slot.service, instanceId, timeoutMs });
}

/** Whether anything that the guard has to kill may be alive. */
export function hasTrackedLife(state: AgentState): boolean {
  const { dirty, guarded } = state.agenda;
  for (const service of dirty) {
    const slot = state.slots.get(service);
    if (slot?.tracked === true && liveInstanceOf(slot.phase) !== undefined) return true;
  }
  for (const service of guarded) if (!dirty.has(service)) return true;
  return false;
}

/** Lets the runtime ask for a new lease once nothing of an older one runs here. */
export function maybeRequestLease(state: AgentState, effects: AgentEffect[]): void {
  if (state.lease !== undefined || state.leaseRequested || state.closing !== "no") return;
  if (hasTrackedLife(state)) return;
  state.leaseRequested = true;
  effects.push({ kind: "request-lease" });
}
