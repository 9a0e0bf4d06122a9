/**
 * The machine on a node: one event in, effects out. It holds no clock, no timer and no connection; everything
 * that the safety rules S1-S3 ask of a node is decided here, and a runtime carries it out.
 */
import { assertNever } from "../assert.ts";
import type { InstantMs } from "../time.ts";
import { onConfirmAnswered, onInstanceEvent, onMoveAnswered } from "./completion.ts";
import { noticeCommon } from "./concern.ts";
import type { AgentEffect } from "./effect.ts";
import type { AgentEvent } from "./event.ts";
import { loseLease, maybeRequestLease, onLease, watchDeadline } from "./lease.ts";
import {
  beginLeaving,
  continueLeaving,
  leavingWakeAt,
  onModeAnswered,
  stayAfterAll,
  tellMode,
} from "./leaving.ts";
import { firstIn } from "./queue.ts";
import { reconcile } from "./reconcile.ts";
import { onReportAnswered } from "./report.ts";
import { type AgentInstruction, type AgentState, knownSlotOf, type Slot, slotOf } from "./state.ts";

export interface AgentStep {
  /** To be carried out in their order. */
  readonly effects: readonly AgentEffect[];
  /** When a `tick` is wanted, if nothing happens before; undefined: not at all. */
  readonly wakeAtMs: number | undefined;
}

/**
 * Takes in one event at the monotonic instant `now`; `state` is updated in place. Its cost is that of the services
 * which the event concerns, or whose time has come: a node with thousands must not miss its lease over their answers.
 */
export function step(state: AgentState, event: AgentEvent, now: InstantMs): AgentStep {
  const effects: AgentEffect[] = [];
  watchDeadline(state, now, effects);
  apply(state, event, now, effects);
  watchDeadline(state, now, effects); // what was just renewed may be over already
  noticeCommon(state);
  continueLeaving(state, now, effects);
  reconcile(state, now, effects);
  tellMode(state, now, effects);
  maybeRequestLease(state, effects);
  return { effects, wakeAtMs: wakeAt(state, now) };
}

function apply(state: AgentState, event: AgentEvent, now: number, effects: AgentEffect[]): void {
  switch (event.kind) {
    case "lease-granted":
    case "lease-renewed":
      onLease(state, event);
      return;
    case "lease-lost":
      if (state.lease === undefined || state.lease.epoch === event.epoch) {
        loseLease(state, event.why, effects);
      }
      return;
    case "snapshot":
      onSnapshot(state, event.instructions);
      return;
    case "instruction":
      assign(state, event.instruction);
      return;
    case "gone":
      slotOf(state, event.service).assignment = { kind: "gone" };
      return;
    case "adopted":
      onAdopted(slotOf(state, event.service), event, now);
      return;
    case "recalled-failure":
      slotOf(state, event.service).phase = {
        kind: "failed",
        uid: event.uid,
        detail: event.detail,
      };
      return;
    case "leave":
      beginLeaving(state, event);
      return;
    case "stay":
      stayAfterAll(state);
      return;
    case "mode-answered":
      onModeAnswered(state, event, now);
      return;
    case "close":
      if (state.closing === "no") state.closing = "stopping";
      return;
    case "tick":
      return;
    case "confirm-answered":
    case "report-answered":
    case "started":
    case "start-failed":
    case "stopped":
    case "stop-failed":
    case "exited":
    case "health-changed":
    case "moved":
    case "move-failed":
      applyAnswer(state, event, now, effects);
      return;
    default:
      assertNever(event);
  }
}

type AnswerEvent =
  | Parameters<typeof onInstanceEvent>[2]
  | Parameters<typeof onMoveAnswered>[1]
  | ConfirmAnswered
  | ReportAnswered;
type ConfirmAnswered = Extract<AgentEvent, { kind: "confirm-answered" }>;
type ReportAnswered = Extract<AgentEvent, { kind: "report-answered" }>;

function applyAnswer(
  state: AgentState,
  event: AnswerEvent,
  now: number,
  effects: AgentEffect[],
): void {
  const slot = knownSlotOf(state, event.service);
  if (slot === undefined) return; // it was forgotten meanwhile
  switch (event.kind) {
    case "confirm-answered":
      onConfirmAnswered(state, slot, event, now, effects);
      return;
    case "report-answered":
      onReportAnswered(slot, event.sequence, event.answer, now);
      return;
    case "moved":
    case "move-failed":
      onMoveAnswered(slot, event, now);
      return;
    case "started":
    case "start-failed":
    case "stopped":
    case "stop-failed":
    case "exited":
    case "health-changed":
      onInstanceEvent(state, slot, event, now, effects);
      return;
    default:
      assertNever(event);
  }
}

function assign(state: AgentState, instruction: AgentInstruction): void {
  slotOf(state, instruction.service).assignment = { kind: "given", instruction };
}

function onSnapshot(state: AgentState, instructions: readonly AgentInstruction[]): void {
  const named = new Set(instructions.map((instruction) => instruction.service));
  for (const slot of state.slots.values()) {
    if (!named.has(slot.service)) slotOf(state, slot.service).assignment = { kind: "gone" };
  }
  for (const instruction of instructions) assign(state, instruction);
}

function onAdopted(slot: Slot, event: Extract<AgentEvent, { kind: "adopted" }>, now: number): void {
  slot.tracked = event.tracked;
  slot.health = event.health ?? "none";
  slot.configurationKey = event.configurationKey;
  slot.phase = {
    kind: "running",
    instanceId: event.instanceId,
    restartKey: event.restartKey,
    sinceMs: now,
  };
}

function wakeAt(state: AgentState, now: number): number | undefined {
  let wakeAtMs = Number.POSITIVE_INFINITY;
  if (state.lease !== undefined) {
    wakeAtMs = state.isolating ? state.lease.runUntilMs : state.lease.isolateAtMs;
  }
  wakeAtMs = Math.min(wakeAtMs, leavingWakeAt(state));
  wakeAtMs = Math.min(wakeAtMs, firstIn(state.agenda.alarms)?.atMs ?? wakeAtMs);
  return Number.isFinite(wakeAtMs) ? Math.max(wakeAtMs, now) : undefined;
}
