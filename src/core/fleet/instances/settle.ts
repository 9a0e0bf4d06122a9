/** What follows from an instance as it is now: whether it waits, what it counts as, when it is looked at again. */
import { instantMs } from "../../time.ts";
import { type FleetContext, markGroupOf } from "../context.ts";
import { lookOf } from "../groups/health-of-members.ts";
import { setAlarm } from "../memory/alarms.ts";
import { isSame, setShare, startWaiting, stopWaiting } from "../memory/copies.ts";
import { inMaintenance, isOnline, orderingGroup } from "../memory/nodes.ts";
import { latestRollout } from "../rollouts/latest.ts";
import type { Copy, FleetState, Share } from "../state.ts";
import { ensureCandidates, isGivenUp, underOf, versionOf, wantOf } from "./candidates.ts";
import { clockSinceMs } from "./health.ts";
import type { Place } from "./place.ts";

/** Brings indexes, sums and alarm in line with the instance. */
export function settle(context: FleetContext, place: Place): void {
  const { state } = context;
  const { copy, deployment } = place;
  const { name } = deployment;
  ensureCandidates(state, copy, place);
  follow(state, copy, isToChange(state, copy));
  recount(state, copy);
  const { node } = copy.instance;
  const look = lookOf(state, copy);
  if (look !== copy.look) markGroupOf(state, node);
  copy.look = look;
  setAlarm(state.alarms, { kind: "copy", deployment: name, node }, alarmOf(place, context.now));
}

/** Counts the instance anew; its rollout and its pool are looked at if that changes anything. */
export function recount(state: FleetState, copy: Copy): void {
  const { deployment } = copy.instance;
  if (!setShare(state, copy, shareOf(state, copy))) return;
  state.dirty.deployments.add(deployment);
  state.dirty.pools.add(deployment);
}

/** It runs something else than it should, and is in no upgrade. */
function isToChange(state: FleetState, copy: Copy): boolean {
  const { phase, upgrade, release } = copy.instance;
  if (upgrade !== undefined || (phase !== "running" && phase !== "failed")) return false;
  return copy.candidates?.length !== 0 && !isSame(wantOf(state, copy).release, release);
}

function follow(state: FleetState, copy: Copy, isWaiting: boolean): void {
  const { deployment, node } = copy.instance;
  if (!isWaiting) {
    copy.isStuck = false;
    stopWaiting(state, copy);
    return;
  }
  const group = orderingGroup(state, deployment, node);
  const isKnown = copy.share?.waiting === true && copy.waitsInGroup === group;
  if (!isKnown) startWaiting(state, copy, group);
  if (group === undefined) state.dirty.pools.add(deployment);
  else state.dirty.groups.add(group);
}

function shareOf(state: FleetState, copy: Copy): Share | undefined {
  const { deployment, node, phase, upgrade, previous, outcome, rollout } = copy.instance;
  if (phase === "removing") return undefined;
  const isOfLatest = latestRollout(state, deployment)?.number === rollout;
  const waiting = isWaitingNow(state, copy);
  const under = upgrade !== undefined;
  const isCounted = isOfLatest && !under && !waiting;
  const isOpen = isCounted && outcome === undefined && previous !== undefined;
  const todo = waiting || isOpen;
  const pooled = orderingGroup(state, deployment, node) === undefined;
  const isThere = isOnline(state, node) && !inMaintenance(state, node) && phase !== "failed";
  return {
    done: isCounted && outcome === "done",
    failed: isCounted && outcome === "failed",
    under,
    failing: under && isFirstGivenUp(state, copy),
    todo,
    todoOffline: todo && !isOnline(state, node),
    stuck: waiting && copy.isStuck,
    waiting,
    pooled,
    unavailable: pooled && isThere && (under || copy.healthySinceMs === undefined),
  };
}

function isFirstGivenUp(state: FleetState, { instance, candidates }: Copy): boolean {
  const first = candidates?.[0];
  return first !== undefined && isGivenUp(instance, first, underOf(state, instance));
}

function isWaitingNow(state: FleetState, copy: Copy): boolean {
  if (copy.waitsInGroup !== undefined) return true;
  return state.waitingInPool.get(copy.instance.deployment)?.has(copy) === true;
}

function alarmOf({ copy, deployment }: Place, now: number) {
  if (copy.expected !== undefined) return undefined;
  const { phase, isVerified, outcome, previous, release } = copy.instance;
  const version = versionOf(deployment, release);
  const { healthySinceMs } = copy;
  const times: number[] = [];
  if (healthySinceMs === undefined) {
    if (!copy.isClockStopped) times.push(clockSinceMs(copy) + version.retryDurationMs);
  } else {
    if (!isVerified) times.push(healthySinceMs + version.verifiedDurationMs);
    const isOpen = phase === "upgrading" || (outcome !== "done" && previous !== undefined);
    if (isOpen) times.push(healthySinceMs + deployment.rollout.healthyForMs);
  }
  const next = Math.min(...times.filter((time) => time > now));
  return Number.isFinite(next) ? instantMs(next) : undefined;
}
