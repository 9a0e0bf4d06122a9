/**
 * The mass-failure brake: when more than a set share of the nodes is lost at once, services are recovered most
 * important first and only a few at a time, so that the nodes that are left do not break under it too.
 */
import type { Reason } from "../../explain/reason.ts";
import { compareIds, type ServiceId } from "../../ids.ts";
import { isOffline, type ManagedNode } from "../../model/node.ts";
import type { Service, ServiceStatus } from "../../model/service.ts";
import { after, durationMs, type InstantMs } from "../../time.ts";
import { type Context, markWaitingDirty, type Verdict } from "../context.ts";
import { isPinned } from "../moves/pinned.ts";
import type { ManagerState } from "../state.ts";

/** A start that is not over after so long no longer holds up the others. */
const patienceMs = durationMs(30_000);

/** Puts the brake on or takes it off, by how many nodes are lost now; says so. */
export function updateBrake(context: Context): void {
  const { state } = context;
  const { active } = state.brake;
  watchForMore(context);
  if (!active && !isMassFailure(state)) return;
  const needed = isMassFailure(state);
  if (needed && (active || state.unsettled.size > 0)) {
    state.brake.active = true;
    announceCounts(context);
  } else if (!needed && active) {
    state.brake.active = false;
    state.brake.inFlight.clear();
    state.brake.unplaced.clear();
    state.brake.told = undefined;
    announce(context, reasonOf(state, "off"));
    markWaitingDirty(state);
  }
}

/** Whether the service may be recovered now; under the brake only when `recoverInOrder` has it decided about. */
export function mayRecover(context: Context, service: ServiceId): boolean {
  const { brake } = context.state;
  if (isPinned(service)) return true; // it goes to its own node only, and takes nothing away from the others
  if (!brake.active) return brake.holdUntilMs === undefined;
  if (brake.turn === service) return true;
  brake.unplaced.delete(service); // something has changed about it, or it would not be looked at: it has its turn
  return false;
}

/** A recovery under the brake has begun. */
export function noteRecovery(context: Context, service: ServiceId): void {
  const { brake } = context.state;
  brake.unplaced.delete(service);
  if (brake.active && !isPinned(service))
    brake.inFlight.set(service, after(context.now, patienceMs));
}

/** There is no node for it now: it holds up nobody until something changes that may give it one. */
export function noteUnplaced(context: Context, service: ServiceId): void {
  const { brake } = context.state;
  if (brake.active) brake.unplaced.add(service);
}

/** Has as many services as may be recovered now decided about, most important first. The answer: one has changed. */
export function recoverInOrder(context: Context, decideOn: (id: ServiceId) => Verdict): boolean {
  const { state } = context;
  if (!state.brake.active || freeSlots(context) <= 0) return false;
  let changed = false;
  for (const id of byImportance(state)) {
    if (freeSlots(context) <= 0) break;
    state.brake.turn = id;
    if (decideOn(id) === "changed") {
      state.dirty.add(id);
      changed = true;
    }
    state.brake.turn = undefined;
  }
  return changed;
}

/**
 * Nodes that die together lose their leases within one renewal of each other. So when a second one is lost that soon,
 * recovery is held for as long, to see whether this is a mass failure; a single lost node is never waited for.
 */
function watchForMore(context: Context): void {
  const { state, now } = context;
  const { brake, settings } = state;
  const count = state.lost.size;
  const { renewEveryMs } = settings.times;
  if (count > brake.lostCount) {
    const isSoon = brake.lostAtMs !== undefined && now <= after(brake.lostAtMs, renewEveryMs);
    const several = isSoon || count > brake.lostCount + 1;
    const canBrake = settings.brake.lostShare < 1 && !brake.active && !isMassFailure(state);
    if (several && canBrake) brake.holdUntilMs = after(now, renewEveryMs);
    brake.lostAtMs = now;
  }
  brake.lostCount = count;
  if (brake.holdUntilMs === undefined || (now < brake.holdUntilMs && !isMassFailure(state))) return;
  brake.holdUntilMs = undefined;
  markWaitingDirty(state);
}

/** When a start that goes on for too long stops holding up the others, or a short wait for more losses is over. */
export function nextBrakeAt(state: ManagerState): InstantMs | undefined {
  if (!state.brake.active) return state.brake.holdUntilMs;
  let next: InstantMs | undefined;
  for (const untilMs of state.brake.inFlight.values()) {
    if (next === undefined || untilMs < next) next = untilMs;
  }
  return next;
}

/**
 * The brake, with the present figures, if a service in recovery waits for its turn under it. Counts the nodes: who
 * explains may know the stored records only.
 */
export function brakeHold(state: ManagerState, status: ServiceStatus): BrakeReason | undefined {
  const { code } = status.reason;
  if (code === "waits-for-node" || code === "waits-for-volumes") return undefined; // it had its turn
  const { lostShare, recoveriesAtOnce } = state.settings.brake;
  let lostCount = 0;
  for (const id of state.registered) {
    const node = state.nodes.get(id);
    if (node !== undefined && isLostNow(node)) lostCount += 1;
  }
  const nodeCount = state.registered.size;
  if (lostCount <= nodeCount * lostShare) return undefined;
  return { code: "brake", brake: "on", lostCount, nodeCount, recoveriesAtOnce };
}

/** It was up once, and is not, by nobody's will. */
function isLostNow(node: ManagedNode): boolean {
  const { epoch, state, leaseEpoch, lostAtMs } = node;
  const isUp = leaseEpoch !== undefined && lostAtMs === undefined;
  return epoch > 0 && state !== "maintenance" && !isUp && !isOffline(node);
}

function freeSlots(context: Context): number {
  const { brake, settings } = context.state;
  for (const [service, untilMs] of brake.inFlight) {
    if (context.now >= untilMs) brake.inFlight.delete(service);
  }
  return settings.brake.recoveriesAtOnce - brake.inFlight.size;
}

function isMassFailure(state: ManagerState): boolean {
  const { lostCount, nodeCount } = countsOf(state);
  return nodeCount > 0 && lostCount > nodeCount * state.settings.brake.lostShare;
}

/** Of the nodes that belong to the cluster, how many were up once and are lost now. */
function countsOf(state: ManagerState): { readonly lostCount: number; readonly nodeCount: number } {
  return { lostCount: state.lost.size, nodeCount: state.nodes.size - state.gone.size };
}

function byImportance(state: ManagerState): readonly ServiceId[] {
  const services: Service[] = [];
  for (const id of recovering(state)) {
    const service = state.services.get(id);
    if (service === undefined || service.requested === "ignored") continue;
    if (!state.brake.unplaced.has(id)) services.push(service);
  }
  return services.sort(compareImportance).map((service) => service.id);
}

function* recovering(state: ManagerState): Iterable<ServiceId> {
  for (const id of state.waiting) {
    if (state.statuses.get(id)?.state === "recovery" && !isPinned(id)) yield id;
  }
}

function compareImportance(left: Service, right: Service): number {
  return right.priority - left.priority || compareIds(left.id, right.id);
}

/** Says how much is lost, and again whenever that is another figure. */
function announceCounts(context: Context): void {
  const { brake } = context.state;
  const reason = reasonOf(context.state, "on");
  const { told } = brake;
  const isTold =
    told?.lostCount === reason.lostCount &&
    told.nodeCount === reason.nodeCount &&
    told.recoveriesAtOnce === reason.recoveriesAtOnce;
  if (isTold) return;
  brake.told = reason;
  announce(context, reason);
}

type BrakeReason = Extract<Reason, { code: "brake" }>;

function reasonOf(state: ManagerState, brake: BrakeReason["brake"]): BrakeReason {
  const { recoveriesAtOnce } = state.settings.brake;
  return { code: "brake", brake, ...countsOf(state), recoveriesAtOnce };
}

function announce(context: Context, reason: BrakeReason): void {
  context.effects.push({ kind: "announce", subject: "cluster", reason });
}
