/** An agent's orderly way out, and what it tells the manager of that (ports of it: restart, freeze, failover, migrate). */
import { assertNever } from "../assert.ts";
import type { ServiceId } from "../ids.ts";
import type { AgentMode } from "../model/node.ts";
import { touchAll } from "./concern.ts";
import type { AgentEffect } from "./effect.ts";
import type { AgentEvent } from "./event.ts";
import { hasTrackedLife } from "./lease.ts";
import { type AgentState, type Leaving, liveInstanceOf, type Slot } from "./state.ts";
import { isLeftAlone, wishFor } from "./wish.ts";

/** Pause before a mode that nobody took is sent again; doubles up to the maximum. */
const retryDelayMs = 100;
const retryDelayMsMax = 2_000;

/** The agent is to leave; a second wish to do so replaces the first. */
export function beginLeaving(
  state: AgentState,
  event: Extract<AgentEvent, { readonly kind: "leave" }>,
): void {
  if (state.closing !== "no") return;
  state.leaving = { how: event.how, deadlineMs: event.deadlineMs };
  touchAll(state); // each way of leaving waits for something else
  setMode(state, modeOf(event.how));
}

/** Takes the wish to leave back: the manager is to instruct again. What it has frozen by now waits for that. */
export function stayAfterAll(state: AgentState): void {
  if (state.closing !== "no" || state.leaving === undefined) return;
  state.leaving = undefined;
  state.agenda.unready.clear();
  setMode(state, "active");
}

function setMode(state: AgentState, mode: AgentMode): void {
  const sequence = state.mode.sequence + 1;
  state.mode = { mode, sequence, progress: "due", retryAtMs: 0, failureCount: 0 };
}

function modeOf(how: Leaving["how"]): AgentMode {
  switch (how) {
    case "restart":
    case "freeze":
      return "restart";
    case "failover":
      return "shutdown";
    case "migrate":
      return "maintenance";
    default:
      return assertNever(how);
  }
}

/** Sends the mode if it is due; a server takes it only from the holder of the node's lease. */
export function tellMode(state: AgentState, now: number, effects: AgentEffect[]): void {
  const { mode } = state;
  if (mode.progress !== "due" || state.lease === undefined || now < mode.retryAtMs) return;
  state.mode = { ...mode, progress: "sending" };
  effects.push({ kind: "put-mode", mode: mode.mode, sequence: mode.sequence });
}

/** Takes in how the mode fared. An answer about an older one changes nothing. */
export function onModeAnswered(
  state: AgentState,
  event: Extract<AgentEvent, { readonly kind: "mode-answered" }>,
  now: number,
): void {
  const { mode } = state;
  if (mode.sequence !== event.sequence || mode.progress !== "sending") return;
  if (event.answer === "accepted") {
    state.mode = { ...mode, progress: "told" };
    return;
  }
  const delayMs = Math.min(retryDelayMs * 2 ** mode.failureCount, retryDelayMsMax);
  const failureCount = Math.min(mode.failureCount + 1, 10);
  state.mode = { ...mode, progress: "due", retryAtMs: now + delayMs, failureCount };
}

/** Goes on with leaving as far as the manager's instructions allow, or its time is over. */
export function continueLeaving(state: AgentState, now: number, effects: AgentEffect[]): void {
  const { leaving } = state;
  if (leaving === undefined || state.closing !== "no") return;
  const isOver = now >= leaving.deadlineMs;
  if (!isOver && (state.mode.progress !== "told" || !isReady(state, leaving))) return;
  if (leaving.how === "restart") {
    state.closing = "released";
    effects.push({ kind: "all-released" });
    return;
  }
  state.closing = "stopping";
  effects.push(...sentenceFor(leaving, isOver));
}

function sentenceFor(leaving: Leaving, isOver: boolean): AgentEffect[] {
  const late = isOver ? " (its time is over)" : "";
  const sentence = `leaving (${leaving.how})${late}: every service is stopped`;
  return [{ kind: "log", level: "info", sentence, service: undefined }];
}

/** Whether the manager has done what this way of leaving waits for. */
function isReady(state: AgentState, leaving: Leaving): boolean {
  switch (leaving.how) {
    case "restart":
      return !hasTrackedLife(state) && everySlot(state, (slot) => isLetGo(state, slot));
    case "freeze":
      return everySlot(state, (slot) => isLeft(state, slot));
    case "failover":
      return true;
    case "migrate":
      return everySlot(state, (slot) => isAway(state, slot));
    default:
      return assertNever(leaving.how);
  }
}

/** What once held for a slot is not asked again before something has happened to it. */
function everySlot(state: AgentState, holds: (slot: Slot) => boolean): boolean {
  const { dirty, unready } = state.agenda;
  const isSo = (service: ServiceId): boolean => {
    const slot = state.slots.get(service);
    return slot === undefined || holds(slot);
  };
  for (const service of dirty) if (!isSo(service)) return false;
  for (const service of unready) {
    if (!isSo(service)) return false;
    unready.delete(service);
  }
  return true;
}

/** Whether nothing is asked of this agent about the service: it is frozen, or nothing of it runs here. */
function isLeft(state: AgentState, slot: Slot): boolean {
  const { kind } = wishFor(state, slot);
  if (kind === "leave") return true;
  return kind !== "up" && liveInstanceOf(slot.phase) === undefined;
}

/**
 * The same for what is to run on without this agent and its lease: the manager must have heard that it was let go of,
 * under the very instruction. One that is over by now, because the store was away, is not taken for the present word (S3).
 */
function isLetGo(state: AgentState, slot: Slot): boolean {
  if (!isLeft(state, slot)) return false;
  const { assignment, phase, report } = slot;
  if (liveInstanceOf(phase) === undefined || !isLeftAlone(state, slot)) return true;
  const uid = assignment.kind === "given" ? assignment.instruction.uid : undefined;
  return report?.progress === "settled" && report.content.uid === uid;
}

/** Whether nothing of it runs here and the manager has heard so: before that the target must not start it (S1). */
function isAway(state: AgentState, slot: Slot): boolean {
  if (liveInstanceOf(slot.phase) !== undefined) return false;
  const wish = wishFor(state, slot);
  switch (wish.kind) {
    case "leave":
    case "silent-down":
      return true;
    case "down":
    case "move":
      return (
        slot.report?.progress === "settled" && slot.report.content.uid === wish.instruction.uid
      );
    case "up":
    case "stay":
      return false; // the manager will have it move
    default:
      return assertNever(wish);
  }
}

/** When leaving, or telling the mode, wants to be looked at again. */
export function leavingWakeAt(state: AgentState): number {
  let wakeAtMs = Number.POSITIVE_INFINITY;
  if (state.leaving !== undefined && state.closing === "no") wakeAtMs = state.leaving.deadlineMs;
  if (state.mode.progress === "due" && state.lease !== undefined) {
    wakeAtMs = Math.min(wakeAtMs, state.mode.retryAtMs);
  }
  return wakeAtMs;
}
