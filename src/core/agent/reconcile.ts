/** Brings services nearer to what their instructions ask, after every event: those that it concerns. */
import { assertNever } from "../assert.ts";
import { concernedSlots, dropSlot, noticeCommon, noticeTime, settleSlots } from "./concern.ts";
import type { AgentEffect } from "./effect.ts";
import { beginOperations } from "./operation.ts";
import { refreshReport } from "./report.ts";
import type { AgentState, Slot } from "./state.ts";
import { isLeftAlone, mayStart, mustBeTracked, type Wish, wishFor } from "./wish.ts";

/**
 * Looks at each service that the event concerns, or whose time has come: what has to change, what may begin, what has
 * to be reported. Any other one is as it should be, and would stay so if it were looked at.
 */
export function reconcile(state: AgentState, now: number, effects: AgentEffect[]): void {
  noticeCommon(state);
  noticeTime(state, now);
  for (const slot of concernedSlots(state)) {
    if (!isLeftAlone(state, slot)) retryStuck(slot, now, effects);
    const wish = wishFor(state, slot);
    applyWish(state, slot, wish, now, effects);
    if (wish.kind === "silent-down" && slot.assignment.kind === "gone" && isSettledDown(slot)) {
      dropSlot(state, slot);
      effects.push({ kind: "forget", service: slot.service });
    }
  }
  beginOperations(state, now, effects);
  const concerned = concernedSlots(state); // with those whose operation has begun
  for (const slot of concerned) refreshReport(state, slot, now, effects);
  settleSlots(state, concerned, now);
  maybeFinishClosing(state, effects);
}

function applyWish(
  state: AgentState,
  slot: Slot,
  wish: Wish,
  now: number,
  effects: AgentEffect[],
): void {
  switch (wish.kind) {
    case "up":
      applyUp(state, slot, wish, now, effects);
      return;
    case "down":
      applyDown(slot, wish.instruction.stopTimeoutMs, effects);
      return;
    case "move":
      applyMove(slot, effects);
      return;
    case "silent-down":
      applyDown(slot, undefined, effects);
      return;
    case "stay":
    case "leave":
      if (slot.phase.kind === "confirming") slot.phase = { kind: "down", retryAtMs: 0 };
      adjustTracking(state, slot, now, effects);
      return;
    default:
      assertNever(wish);
  }
}

function applyUp(
  state: AgentState,
  slot: Slot,
  wish: Extract<Wish, { kind: "up" }>,
  now: number,
  effects: AgentEffect[],
): void {
  const { instruction } = wish;
  const phase = slot.phase;
  if (phase.kind === "failed" && phase.uid !== instruction.uid) {
    slot.phase = { kind: "down", retryAtMs: 0 };
  }
  if (phase.kind === "confirming" && phase.uid !== instruction.uid) {
    slot.phase = { kind: "down", retryAtMs: 0 };
  }
  if (phase.kind !== "running") return;
  adjustTracking(state, slot, now, effects);
  if (
    slot.configurationKey !== instruction.configurationKey &&
    phase.restartKey === instruction.restartKey
  ) {
    slot.configurationKey = instruction.configurationKey;
    effects.push({
      kind: "reconfigure",
      service: slot.service,
      instanceId: phase.instanceId,
    });
  }
}

/** What is not ready to be moved is brought there: a start that goes on is ended first. */
function applyMove(slot: Slot, effects: AgentEffect[]): void {
  if (slot.phase.kind === "running" || slot.phase.kind === "moving") return;
  applyDown(slot, undefined, effects);
}

function applyDown(slot: Slot, timeoutMs: number | undefined, effects: AgentEffect[]): void {
  const phase = slot.phase;
  switch (phase.kind) {
    case "confirming":
    case "failed":
      slot.phase = { kind: "down", retryAtMs: 0 };
      slot.owned = undefined;
      return;
    case "down":
      slot.owned = undefined;
      return;
    case "starting":
      if (phase.aborting) return;
      slot.owned = undefined;
      slot.phase = { ...phase, aborting: true };
      effects.push({
        kind: "abort-start",
        service: slot.service,
        instanceId: phase.instanceId,
        timeoutMs,
      });
      return;
    case "stopping":
      slot.phase = { ...phase, endsAs: "stay-down" };
      return;
    case "running":
    case "moving":
    case "stuck":
      return;
    default:
      assertNever(phase);
  }
}

/** Puts a running instance under the guard or takes it away, when its instruction has changed that. */
function adjustTracking(state: AgentState, slot: Slot, now: number, effects: AgentEffect[]): void {
  if (slot.assignment.kind !== "given" || slot.phase.kind !== "running") return;
  const { instruction } = slot.assignment;
  if (instruction.node !== state.node || instruction.nodeEpoch !== state.lease?.epoch) return;
  const wanted = mustBeTracked(instruction);
  if (wanted === slot.tracked || !mayStart(state, now)) return;
  slot.tracked = wanted;
  const { instanceId } = slot.phase;
  effects.push({ kind: wanted ? "track" : "untrack", service: slot.service, instanceId });
}

function retryStuck(slot: Slot, now: number, effects: AgentEffect[]): void {
  if (slot.phase.kind !== "stuck" || now < slot.phase.retryAtMs) return;
  const { instanceId, detail } = slot.phase;
  slot.phase = { kind: "stopping", instanceId, endsAs: "stay-down", detail, urgent: true };
  effects.push({ kind: "stop", service: slot.service, instanceId, timeoutMs: 0 });
}

function isSettledDown(slot: Slot): boolean {
  return slot.phase.kind === "down" || slot.phase.kind === "failed";
}

function maybeFinishClosing(state: AgentState, effects: AgentEffect[]): void {
  if (state.closing !== "stopping" || state.agenda.alive.size > 0) return;
  state.closing = "stopped";
  effects.push({ kind: "all-stopped" });
}
