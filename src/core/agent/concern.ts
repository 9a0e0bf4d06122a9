/** Which slots a step has to look at: those that something happened to, whose time has come, or all. */
import type { ServiceId } from "../ids.ts";
import { firstIn, put, takeOut } from "./queue.ts";
import { type AgentState, liveInstanceOf, type Slot, stableAt } from "./state.ts";
import { isLeftAlone, mayStart, wishFor } from "./wish.ts";

/** Has every slot looked at in this step. */
export function touchAll(state: AgentState): void {
  for (const service of state.slots.keys()) state.agenda.dirty.add(service);
}

/** Has every slot looked at when the lease's epoch, the nearness of its end or the agent's own end has changed. */
export function noticeCommon(state: AgentState): void {
  const { agenda, isolating, closing } = state;
  const { common } = agenda;
  const epoch = state.lease?.epoch;
  if (common.epoch === epoch && common.isolating === isolating && common.closing === closing) {
    return;
  }
  agenda.common = { epoch, isolating, closing };
  touchAll(state);
}

/** Has the slots looked at whose time has come. */
export function noticeTime(state: AgentState, now: number): void {
  const { alarms, dirty } = state.agenda;
  for (;;) {
    const first = firstIn(alarms);
    if (first === undefined || first.atMs > now) return;
    takeOut(alarms, first.service);
    dirty.add(first.service);
  }
}

/** The slots to be looked at, in the order in which they were made. */
export function concernedSlots(state: AgentState): readonly Slot[] {
  const slots: Slot[] = [];
  for (const service of state.agenda.dirty) {
    const slot = state.slots.get(service);
    if (slot !== undefined) slots.push(slot);
  }
  return slots.sort((left, right) => left.ordinal - right.ordinal);
}

/** They were looked at, and stay as they are until something happens to them or their time comes. */
export function settleSlots(state: AgentState, slots: readonly Slot[], now: number): void {
  const { agenda } = state;
  const isLeaving = state.leaving !== undefined && state.closing === "no";
  for (const slot of slots) {
    const { service } = slot;
    const isAlive = liveInstanceOf(slot.phase) !== undefined;
    setMember(agenda.alive, service, isAlive);
    setMember(agenda.guarded, service, isAlive && slot.tracked);
    if (isLeaving) agenda.unready.add(service);
    const atMs = wakeAtOf(state, slot, now);
    if (atMs === undefined) takeOut(agenda.alarms, service);
    else put(agenda.alarms, service, atMs);
  }
  agenda.dirty.clear();
}

/** Puts it in or takes it out. */
export function setMember(members: Set<ServiceId>, service: ServiceId, belongs: boolean): void {
  if (belongs) members.add(service);
  else members.delete(service);
}

/** Forgets the slot and all that was kept of it. */
export function dropSlot(state: AgentState, { service }: Slot): void {
  const { alarms, waiting, dirty, operating, alive, guarded, unready } = state.agenda;
  state.slots.delete(service);
  for (const queue of [alarms, waiting]) takeOut(queue, service);
  for (const members of [dirty, operating, alive, guarded, unready]) members.delete(service);
}

/** When the slot wants to be looked at again, if nothing happens to it before. */
function wakeAtOf(state: AgentState, slot: Slot, now: number): number | undefined {
  let wakeAtMs = Number.POSITIVE_INFINITY;
  const phase = slot.phase;
  if (phase.kind === "stuck" && !isLeftAlone(state, slot)) wakeAtMs = phase.retryAtMs;
  if (phase.kind === "down" && phase.retryAtMs > now && mayStart(state, now)) {
    if (wishFor(state, slot).kind === "up") wakeAtMs = phase.retryAtMs;
  }
  const stableAtMs = stableAt(slot);
  const content = slot.report?.content;
  const isAhead = stableAtMs !== undefined && stableAtMs > now;
  if (isAhead && content?.result === "running" && !content.stable) {
    wakeAtMs = Math.min(wakeAtMs, stableAtMs);
  }
  if (slot.report?.progress === "due") wakeAtMs = Math.min(wakeAtMs, slot.report.retryAtMs);
  return Number.isFinite(wakeAtMs) ? wakeAtMs : undefined;
}
