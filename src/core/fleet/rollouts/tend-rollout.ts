/** The rollouts of one deployment: a new one when something has to change, and the turns of the one that goes on. */
import { instantMs } from "../../time.ts";
import { emit, type FleetContext, markWaiting, tellDeployment } from "../context.ts";
import type { FleetWrite } from "../effect.ts";
import { recount } from "../instances/settle.ts";
import { setAlarm } from "../memory/alarms.ts";
import type { Deployment } from "../model/deployment.ts";
import type { Rollout, RolloutState } from "../model/rollout.ts";
import { setRollout, sumsOf, withCounts } from "./counts.ts";
import { forgetDeployment } from "./forget.ts";
import { isActive, latestRollout, topRelease } from "./latest.ts";
import { needsRollout } from "./need.ts";
import { takeBack, takeUpOrder } from "./orders.ts";

/** Rollouts of a deployment that are kept. */
export const rolloutsKeptMax = 20;

/** Looks at the deployment's rollouts. */
export function tendRollout(context: FleetContext, name: string): void {
  const { state } = context;
  const deployment = state.deployments.get(name);
  if (deployment === undefined || deployment.removing) {
    forgetDeployment(context, name);
    return;
  }
  takeUpOrder(context, name);
  if (!state.frozen && needsRollout(state, deployment)) startRollout(context, deployment);
  const latest = latestRollout(state, name);
  if (latest === undefined || !isActive(latest.state)) return;
  if (latest.generation < deployment.generation) {
    endRollout(context, latest, "superseded", "the deployment was changed again");
    return;
  }
  if (hasFailedTooOften(context, deployment, latest)) return;
  noteCanaries(context, deployment, latest);
  maybeEnd(context, latest);
}

function startRollout(context: FleetContext, deployment: Deployment): void {
  const { state, now } = context;
  const { name, generation } = deployment;
  const to = topRelease(state, deployment);
  if (to === undefined) return;
  const before = latestRollout(state, name);
  const number = (before?.number ?? 0) + 1;
  const writes: FleetWrite[] = [];
  if (before !== undefined && isActive(before.state)) {
    const because = `rollout ${number} takes its place`;
    const end = { state: "superseded", because, endedAtMs: now } as const;
    writes.push(setRollout(state, { ...withCounts(state, before), ...end }));
  }
  const fresh: Rollout = {
    deployment: name,
    number,
    generation,
    to,
    state: "running",
    because: "the deployment was changed",
    startedAtMs: now,
    endedAtMs: undefined,
    total: 0,
    done: 0,
    failed: 0,
    offline: 0,
    canariesDoneAtMs: undefined,
    withheld: [],
  };
  setRollout(state, fresh);
  for (const copy of state.copies.get(name)?.values() ?? []) recount(state, copy);
  const rollout = withCounts(state, fresh);
  const reason = {
    code: "rollout-started",
    rollout: number,
    to: to.version,
    instances: rollout.total,
  } as const;
  writes.push(setRollout(state, rollout), ...forgetOld(context, name));
  emit(context, [...writes, tellDeployment(name, reason)]);
  markWaiting(state, name);
}

function forgetOld({ state }: FleetContext, deployment: string): readonly FleetWrite[] {
  const known = state.rollouts.get(deployment) ?? [];
  const old = known.slice(0, Math.max(0, known.length - rolloutsKeptMax));
  state.rollouts.set(deployment, known.slice(old.length));
  return old.map(({ number }) => ({ kind: "forget-rollout", deployment, number }) as const);
}

/** With more failures than the deployment allows, all go back by themselves. */
function hasFailedTooOften(
  context: FleetContext,
  deployment: Deployment,
  latest: Rollout,
): boolean {
  if (latest.state === "rolling-back") return false;
  const { total } = withCounts(context.state, latest);
  const sums = sumsOf(context.state, latest.deployment);
  const failed = sums.failed + sums.failing; // no other one begins while that is known already
  const { canaries, failedShareMax } = deployment.rollout;
  const isTrial = canaries !== undefined && latest.canariesDoneAtMs === undefined;
  const tried = isTrial ? Math.min(canaries.count, total) : total;
  if (failed === 0 || failed <= tried * failedShareMax) return false;
  takeBack(context, latest, `it failed on ${failed} of ${tried}${isTrial ? " canaries" : ""}`);
  return true;
}

/** When so many are healthy as there are to be canaries, the wait before the others begins. */
function noteCanaries(context: FleetContext, deployment: Deployment, latest: Rollout): void {
  const { state, now } = context;
  const { canaries } = deployment.rollout;
  if (latest.state !== "running" || canaries === undefined) return;
  const { done, under } = sumsOf(state, deployment.name);
  const isFirst = latest.canariesDoneAtMs === undefined;
  if (isFirst && (under > 0 || done < canaries.count)) return;
  const doneAtMs = latest.canariesDoneAtMs ?? now;
  const goesOnAtMs = instantMs(doneAtMs + canaries.waitMs);
  const target = { kind: "rollout", deployment: deployment.name } as const;
  setAlarm(state.alarms, target, goesOnAtMs > now ? goesOnAtMs : undefined);
  if (isFirst) {
    const reason = {
      code: "canaries-healthy",
      rollout: latest.number,
      canaries: done,
      waitMs: canaries.waitMs,
    } as const;
    const next = withCounts(state, { ...latest, canariesDoneAtMs: doneAtMs });
    emit(context, [setRollout(state, next), tellDeployment(deployment.name, reason)]);
  }
  if (isFirst && now >= goesOnAtMs) markWaiting(state, deployment.name);
}

/** It is over when nothing that can be changed now is left; those that are offline follow when they are back. */
function maybeEnd(context: FleetContext, before: Rollout): void {
  const { state } = context;
  const latest = latestRollout(state, before.deployment) ?? before;
  if (state.dirty.copies.has(latest.deployment)) {
    state.dirty.deployments.add(latest.deployment); // its sums are not those of now yet
    return;
  }
  const { under, todo, todoOffline, stuck, done, failed } = sumsOf(state, latest.deployment);
  if (under > 0 || todo - todoOffline - stuck > 0) return;
  const isRollback = latest.state === "rolling-back";
  if (!isRollback && todoOffline > 0 && done + failed === 0) return; // nobody is there to begin with
  if (stuck > 0) {
    const because = `${stuck} cannot be changed while another member of the HA group has failed`;
    endRollout(context, latest, "failed", because);
  } else if (isRollback) {
    endRollout(context, latest, "rolled-back", latest.because);
  } else if (done === 0 && failed > 0) {
    endRollout(context, latest, "failed", `it failed on ${failed}`);
  } else {
    const late = todoOffline === 0 ? "" : `; ${todoOffline} follow when their nodes are back`;
    const but = failed === 0 ? "" : `, ${failed} failed`;
    endRollout(context, latest, "succeeded", `${done} done${but}${late}`);
  }
}

function endRollout(
  context: FleetContext,
  latest: Rollout,
  to: RolloutState,
  because: string,
): void {
  const { state, now } = context;
  const { deployment, number: rollout } = latest;
  const next = { ...withCounts(state, latest), state: to, because, endedAtMs: now };
  const reason = { code: "rollout-state", rollout, state: to, because } as const;
  emit(context, [setRollout(state, next), tellDeployment(deployment, reason)]);
  setAlarm(state.alarms, { kind: "rollout", deployment }, undefined);
  markWaiting(state, deployment);
}
