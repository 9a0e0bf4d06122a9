/** Starts and stops: who waits for one, who goes first, and how one begins. */
import { assert } from "../assert.ts";
import type { InstructionUid } from "../ids.ts";
import { mutated } from "../mutation.ts";
import { concernedSlots, setMember } from "./concern.ts";
import type { AgentEffect } from "./effect.ts";
import { firstIn, isIn, put, takeOut } from "./queue.ts";
import type { AgentState, Slot } from "./state.ts";
import { mayStart, mustBeTracked, type Wish, wishFor } from "./wish.ts";

/** Begins as many of the wanted operations as may go on at a time, the longest-waiting first. */
export function beginOperations(state: AgentState, now: number, effects: AgentEffect[]): void {
  const { dirty, operating, waiting } = state.agenda;
  for (const slot of concernedSlots(state)) {
    setMember(operating, slot.service, isOperating(slot));
    if (!wantsOperation(state, slot, now)) takeOut(waiting, slot.service);
    else if (!isIn(waiting, slot.service)) put(waiting, slot.service, now);
  }
  while (operating.size < state.operationCountMax) {
    const first = firstIn(waiting);
    if (first === undefined) return;
    const { service } = first;
    takeOut(waiting, service);
    const slot = state.slots.get(service);
    assert(slot !== undefined, "what waits for an operation is known");
    assert(wantsOperation(state, slot, now), "what waits for an operation wants it still");
    beginOperation(state, slot, effects);
    operating.add(service);
    dirty.add(service);
  }
}

function isOperating(slot: Slot): boolean {
  const phase = slot.phase;
  return (
    phase.kind === "confirming" ||
    phase.kind === "starting" ||
    phase.kind === "moving" ||
    (phase.kind === "stopping" && !phase.urgent)
  );
}

function wantsOperation(state: AgentState, slot: Slot, now: number): boolean {
  const wish = wishFor(state, slot);
  const phase = slot.phase;
  switch (wish.kind) {
    case "up":
      if (!mayStart(state, now)) return false;
      if (phase.kind === "down") return now >= phase.retryAtMs;
      return phase.kind === "running" && phase.restartKey !== wish.instruction.restartKey;
    case "down":
    case "silent-down":
      return phase.kind === "running";
    case "move":
      if (isMoved(slot, wish.instruction.uid) || !mayStart(state, now)) return false;
      return phase.kind === "running" || phase.kind === "down";
    case "stay":
    case "leave":
      return false;
  }
}

/** Whether this very move was carried out already, well or badly. */
function isMoved(slot: Slot, uid: InstructionUid): boolean {
  return slot.moveOutcome?.uid === uid && !mutated("S6-moved-again");
}

function beginOperation(state: AgentState, slot: Slot, effects: AgentEffect[]): void {
  const wish = wishFor(state, slot);
  if (wish.kind === "move") {
    beginMove(slot, wish, effects);
    return;
  }
  if (slot.phase.kind === "running") {
    beginStop(slot, wish, effects);
    return;
  }
  assert(wish.kind === "up", "only what shall run is started");
  const { uid } = wish.instruction;
  const { epoch } = wish.lease;
  if (mutated("S2-unasked")) slot.owned = { uid, epoch };
  if (slot.owned?.uid === uid && slot.owned.epoch === epoch) {
    beginStart(state, slot, wish, effects);
    return;
  }
  slot.owned = undefined;
  slot.phase = { kind: "confirming", uid, epoch };
  effects.push({ kind: "confirm", service: slot.service, uid, epoch });
}

function beginStop(slot: Slot, wish: Wish, effects: AgentEffect[]): void {
  assert(slot.phase.kind === "running", "only what runs is stopped");
  const { instanceId } = slot.phase;
  slot.phase = {
    kind: "stopping",
    instanceId,
    endsAs: wish.kind === "up" ? "restart" : "stay-down",
    detail: "",
    urgent: false,
  };
  const timeoutMs = wish.kind === "down" ? wish.instruction.stopTimeoutMs : undefined;
  effects.push({ kind: "stop", service: slot.service, instanceId, timeoutMs });
}

function beginMove(
  slot: Slot,
  wish: Extract<Wish, { kind: "move" }>,
  effects: AgentEffect[],
): void {
  const { uid, state, moveBy } = wish.instruction;
  const { phase } = slot;
  const isRunning = phase.kind === "running";
  const instanceId = isRunning ? phase.instanceId : undefined;
  slot.owned = undefined; // whatever becomes of it, it is started here again only after a new confirmation (S2)
  slot.phase = {
    kind: "moving",
    instanceId,
    restartKey: isRunning ? phase.restartKey : "",
    sinceMs: isRunning ? phase.sinceMs : 0,
    uid,
  };
  effects.push({
    kind: "move",
    service: slot.service,
    uid,
    instanceId,
    target: wish.target,
    live: state === "migrate" && moveBy === "live",
  });
}

/** Begins a start that is owned or was just confirmed. The caller has checked that the lease lives. */
export function beginStart(
  state: AgentState,
  slot: Slot,
  wish: Extract<Wish, { kind: "up" }>,
  effects: AgentEffect[],
): void {
  const { instruction, lease } = wish;
  assert(slot.owned?.epoch === lease.epoch, "S2: a start is owned under the lease's epoch");
  assert(slot.owned.uid === instruction.uid, "S2: a start is owned under its uid");
  state.instanceCount += 1;
  const instanceId = `${state.instancePrefix}-${state.instanceCount}`;
  slot.tracked = mustBeTracked(instruction);
  slot.health = "none";
  slot.configurationKey = instruction.configurationKey;
  slot.phase = {
    kind: "starting",
    instanceId,
    restartKey: instruction.restartKey,
    aborting: false,
  };
  effects.push({
    kind: "start",
    service: slot.service,
    uid: instruction.uid,
    epoch: lease.epoch,
    instanceId,
    tracked: slot.tracked,
    runUntilMs: lease.runUntilMs,
    clearLocks: instruction.clearLocks === true,
  });
}
