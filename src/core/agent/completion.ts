/** How starts, stops, exits and health changes of a service's instance move its phase. */
import type { InstructionUid } from "../ids.ts";
import type { AgentEffect } from "./effect.ts";
import type { AgentEvent } from "./event.ts";
import { beginStart } from "./operation.ts";
import { type AgentState, liveInstanceOf, type Slot, stableAt } from "./state.ts";
import { mayStart, wishFor } from "./wish.ts";

/** Pause before what could not be killed is killed again. */
const stuckRetryMs = 2_000;
/** Pause before a confirmation is asked again; doubles up to the maximum. */
const confirmRetryMs = 100;
const confirmRetryMsMax = 2_000;

type InstanceEvent = Extract<AgentEvent, { readonly instanceId: string }>;

/** Takes in what became of an instance. What is said of another than the current one changes nothing. */
export function onInstanceEvent(
  state: AgentState,
  slot: Slot,
  event: Exclude<InstanceEvent, { kind: "adopted" }>,
  now: number,
  effects: AgentEffect[],
): void {
  const phase = slot.phase;
  if (liveInstanceOf(phase) !== event.instanceId) return;
  switch (event.kind) {
    case "started":
      if (phase.kind !== "starting") return;
      slot.phase = {
        kind: "running",
        instanceId: phase.instanceId,
        restartKey: phase.restartKey,
        sinceMs: now,
      };
      return;
    case "start-failed":
      if (phase.kind !== "starting") return;
      if (event.remains === "unsure") {
        slot.phase = stuck(event.instanceId, event.detail, now);
      } else if (phase.aborting) {
        slot.phase = { kind: "down", retryAtMs: 0 };
      } else {
        countFailure(state, slot, event.detail, now, effects);
      }
      return;
    case "stopped":
      onStopped(state, slot, now, effects);
      return;
    case "stop-failed":
      if (phase.kind !== "stopping") return;
      slot.phase = stuck(event.instanceId, event.detail, now);
      return;
    case "exited":
      onExited(state, slot, event.detail, now, effects);
      return;
    case "health-changed":
      onHealth(state, slot, event, effects);
      return;
  }
}

function stuck(instanceId: string, detail: string, now: number): Slot["phase"] {
  return { kind: "stuck", instanceId, detail, retryAtMs: now + stuckRetryMs };
}

function onStopped(state: AgentState, slot: Slot, now: number, effects: AgentEffect[]): void {
  const phase = slot.phase;
  if (phase.kind === "stuck") endStuck(slot); // an earlier kill succeeded late
  if (phase.kind !== "stopping") return;
  if (phase.endsAs === "crash") {
    countFailure(state, slot, phase.detail, now, effects);
    return;
  }
  if (phase.endsAs === "stay-down") slot.owned = undefined; // its own confirmed stop ends ownership (S2)
  slot.phase = { kind: "down", retryAtMs: 0 };
}

function onExited(
  state: AgentState,
  slot: Slot,
  detail: string,
  now: number,
  effects: AgentEffect[],
): void {
  const phase = slot.phase;
  if (phase.kind === "running") {
    if (now >= (stableAt(slot) ?? now)) slot.failureCount = 0;
    countFailure(state, slot, detail, now, effects);
  } else if (phase.kind === "stopping") {
    onStopped(state, slot, now, effects);
  } else if (phase.kind === "stuck") {
    endStuck(slot);
  }
}

/** It was reported as what it was; to be started again it is confirmed anew (S2). */
function endStuck(slot: Slot): void {
  slot.owned = undefined;
  slot.phase = { kind: "down", retryAtMs: 0 };
}

function onHealth(
  state: AgentState,
  slot: Slot,
  event: Extract<InstanceEvent, { kind: "health-changed" }>,
  effects: AgentEffect[],
): void {
  slot.health = event.health;
  if (event.health !== "unhealthy" || slot.phase.kind !== "running") return;
  if (wishFor(state, slot).kind !== "up" || state.isolating) return;
  const detail = `health check failed: ${event.detail}`;
  slot.phase = {
    kind: "stopping",
    instanceId: event.instanceId,
    endsAs: "crash",
    detail,
    urgent: false,
  };
  effects.push(
    { kind: "log", level: "warn", sentence: `${detail}; restarting`, service: slot.service },
    {
      kind: "stop",
      service: slot.service,
      instanceId: event.instanceId,
      timeoutMs: undefined,
    },
  );
}

/** Nothing of it runs any more, and nobody wanted that: restart it after a pause, or give up. */
function countFailure(
  state: AgentState,
  slot: Slot,
  detail: string,
  now: number,
  effects: AgentEffect[],
): void {
  slot.phase = { kind: "down", retryAtMs: 0 };
  const wish = wishFor(state, slot);
  if (wish.kind !== "up") return;
  const { uid, restartCountMax, restartDelayMs, restartDelayMsMax } = wish.instruction;
  if (slot.failureUid !== uid) slot.failureCount = 0;
  slot.failureUid = uid;
  slot.failureCount += 1;
  if (slot.failureCount > restartCountMax) {
    giveUp(slot, uid, detail, effects);
    return;
  }
  const doubling = 2 ** Math.min(slot.failureCount - 1, 30);
  const delayMs = Math.min(restartDelayMs * doubling, Math.max(restartDelayMsMax, restartDelayMs));
  slot.phase = { kind: "down", retryAtMs: now + delayMs };
  effects.push({
    kind: "log",
    level: "warn",
    sentence: `${detail}; restart ${slot.failureCount} of ${restartCountMax} in ${delayMs} ms`,
    service: slot.service,
  });
}

function giveUp(slot: Slot, uid: InstructionUid, detail: string, effects: AgentEffect[]): void {
  slot.phase = { kind: "failed", uid, detail };
  slot.owned = undefined; // the manager may name another node now
  slot.failureCount = 0;
  effects.push(
    { kind: "remember-failure", service: slot.service, uid, detail },
    {
      kind: "log",
      level: "warn",
      sentence: `${detail}; no restart is left, reporting it as failed`,
      service: slot.service,
    },
  );
}

/** What became of a move. An answer about another one than goes on changes nothing. */
export function onMoveAnswered(
  slot: Slot,
  event: Extract<AgentEvent, { kind: "moved" | "move-failed" }>,
  now: number,
): void {
  const { phase } = slot;
  if (phase.kind !== "moving" || phase.uid !== event.uid) return;
  if (event.kind === "moved") {
    slot.moveOutcome = { uid: event.uid, result: "moved", detail: "" };
    slot.phase = { kind: "down", retryAtMs: 0 };
    return;
  }
  const { detail, result } = event;
  slot.moveOutcome = { uid: event.uid, result, detail };
  const { instanceId, restartKey, sinceMs } = phase;
  if (instanceId === undefined || event.remains === "nothing") {
    slot.phase = { kind: "down", retryAtMs: 0 };
  } else if (event.remains === "running") {
    slot.phase = { kind: "running", instanceId, restartKey, sinceMs };
  } else {
    slot.phase = stuck(instanceId, detail, now);
  }
}

/** The answer to `confirm`: starts only if all that held when it was asked still holds (S2). */
export function onConfirmAnswered(
  state: AgentState,
  slot: Slot,
  event: Extract<AgentEvent, { kind: "confirm-answered" }>,
  now: number,
  effects: AgentEffect[],
): void {
  const phase = slot.phase;
  if (phase.kind !== "confirming") return;
  if (phase.uid !== event.uid || phase.epoch !== event.epoch) return;
  const wish = wishFor(state, slot);
  const holds =
    wish.kind === "up" &&
    wish.instruction.uid === phase.uid &&
    wish.lease.epoch === phase.epoch &&
    mayStart(state, now);
  if (!holds) {
    slot.phase = { kind: "down", retryAtMs: 0 };
  } else if (event.answer === "current") {
    slot.confirmFailureCount = 0;
    slot.owned = { uid: phase.uid, epoch: phase.epoch };
    beginStart(state, slot, wish, effects);
  } else {
    const delayMs = Math.min(confirmRetryMs * 2 ** slot.confirmFailureCount, confirmRetryMsMax);
    slot.confirmFailureCount = Math.min(slot.confirmFailureCount + 1, 10);
    slot.phase = { kind: "down", retryAtMs: now + delayMs };
  }
}
