/**
 * The manager's one entry: events in, the effects of them out. Deterministic: the same state, events and instant
 * give the same effects. The work of an event stays with the services that it concerns.
 */
import { assert } from "../assert.ts";
import { compareIds } from "../ids.ts";
import { managerPassesMax } from "../limits.ts";
import type { InstantMs } from "../time.ts";
import { applyEvent } from "./apply-event.ts";
import { type Context, createContext, effectsOf } from "./context.ts";
import { decide } from "./decide.ts";
import type { ManagerEffect } from "./effect.ts";
import type { ManagerEvent } from "./event.ts";
import { balance, nextBalanceAt } from "./moves/balance.ts";
import { markDueRetries, nextRetryAt } from "./moves/retries.ts";
import { releaseIdleFences } from "./nodes/fence-idle.ts";
import { forgetGoneNodes, nextForgetAt } from "./nodes/node-fencing.ts";
import { nextSuspectAt } from "./nodes/nodes.ts";
import { nextPurgeAt, purgeLostNode } from "./nodes/purge.ts";
import { noteArmingState, releaseHeld } from "./policy/arming.ts";
import { nextBrakeAt, recoverInOrder, updateBrake } from "./policy/brake.ts";
import { nextColdStartAt, updateColdStart } from "./policy/cold-start.ts";
import { endFreeze, nextFreezeEndAt } from "./policy/freeze.ts";
import { refreshRulebook } from "./policy/rules.ts";
import type { ManagerState } from "./state.ts";

export type { ManagerEffect } from "./effect.ts";
export type { ManagerEvent } from "./event.ts";
export { createManagerState, type ManagerState } from "./state.ts";

export interface ManagerStep {
  readonly effects: readonly ManagerEffect[];
  /** When the manager wants a `tick`, if nothing happens before; undefined: it does not. */
  readonly wakeAtMs: InstantMs | undefined;
}

/** Takes one event in; `now` never goes back. Changes `state` in place. */
export function step(state: ManagerState, event: ManagerEvent, now: InstantMs): ManagerStep {
  return stepAll(state, [event], now);
}

/** Takes in events that became known at the same instant, and decides once. */
export function stepAll(
  state: ManagerState,
  events: readonly ManagerEvent[],
  now: InstantMs,
): ManagerStep {
  const context = createContext(state, now);
  for (const event of events) applyEvent(context, event);
  if (!state.loaded) return { effects: [], wakeAtMs: undefined };
  endFreeze(context);
  refreshRulebook(context);
  markDueRetries(context);
  updateColdStart(context);
  updateBrake(context);
  balance(context);
  settle(context);
  forgetGoneNodes(context);
  purgeLostNode(context);
  noteArmingState(context);
  return { effects: effectsOf(context), wakeAtMs: nextWakeAt(state, now) };
}

/** Settles all that may have changed; under the brake those that wait for recovery then follow, in their order. */
function settle(context: Context): void {
  const roundsMax = context.state.services.size + 1; // each round takes at least one out of recovery for good
  for (let round = 0; ; round += 1) {
    assert(round <= roundsMax, "a service is recovered once in a step");
    settleDirty(context);
    if (!recoverInOrder(context, (service) => decide(context, service))) return;
  }
}

/** Looks at all that is marked, in order of id, until nothing changes any more. */
function settleDirty(context: Context): void {
  const { state } = context;
  for (let pass = 0; state.dirty.size > 0; pass += 1) {
    assert(
      pass < managerPassesMax,
      "the services' states settle within a bounded number of passes",
    );
    const services = [...state.dirty].sort(compareIds);
    state.dirty.clear();
    for (const service of services) {
      if (decide(context, service) === "changed") state.dirty.add(service);
    }
    refreshRulebook(context);
    releaseIdleFences(context);
    releaseHeld(context);
    updateBrake(context);
  }
}

function nextWakeAt(state: ManagerState, now: InstantMs): InstantMs | undefined {
  let next: InstantMs | undefined;
  const wishes = [
    nextSuspectAt(state),
    nextForgetAt(state),
    nextPurgeAt(state, now),
    nextBalanceAt(state),
    nextBrakeAt(state),
    nextColdStartAt(state),
    nextRetryAt(state),
    nextFreezeEndAt(state),
  ];
  for (const wish of wishes) {
    if (wish !== undefined && (next === undefined || wish < next)) next = wish;
  }
  return next;
}
