/** Decides about one deployment on one node: whether it has an instance there, and what that has to do next. */
import type { NodeId } from "../../ids.ts";
import { mutated } from "../../mutation.ts";
import { emit, type FleetContext, tellDeployment } from "../context.ts";
import { copyOf, isSame } from "../memory/copies.ts";
import { isFenced } from "../memory/nodes.ts";
import type { Deployment } from "../model/deployment.ts";
import type { FleetRegistration } from "../model/fleet-node.ts";
import { countWrites } from "../rollouts/counts.ts";
import { latestRollout } from "../rollouts/latest.ts";
import type { Copy, FleetState } from "../state.ts";
import { onUnhealthy, withoutGivenUp } from "./attempt.ts";
import { ensureCandidates, isGivenUp, underOf, versionOf, wantOf } from "./candidates.ts";
import { isDown, nextRequest, putInstance, putService, serviceOf } from "./change.ts";
import { refreshClock, refreshHealth } from "./health.ts";
import { maybeInstall } from "./install.ts";
import { continueRemoval, removeInstance } from "./leave.ts";
import type { Place } from "./place.ts";
import { recount, settle } from "./settle.ts";
import { endUpgrade, interruptUpgrade, redirect } from "./upgrade.ts";

/** Looks at the deployment's instance on the node, or at whether there is to be one. */
export function judge(context: FleetContext, name: string, id: NodeId): void {
  const { state } = context;
  const deployment = state.deployments.get(name);
  const node = state.nodes.get(id);
  const copy = copyOf(state, name, id);
  if (copy === undefined) {
    if (deployment !== undefined && node !== undefined) maybeInstall(context, deployment, node);
    return;
  }
  refreshHealth(context, copy);
  if (copy.instance.phase === "removing") {
    continueRemoval(context, copy);
    return;
  }
  const refusal = refusalFor(state, copy, { deployment, node });
  if (refusal !== undefined && state.frozen) return; // it stays as it is until that ends
  if (refusal !== undefined) {
    removeInstance(context, copy, refusal);
    return;
  }
  if (deployment === undefined || node === undefined) return; // refused above
  refreshClock(context, copy);
  const place = { copy, deployment, node };
  if (copy.instance.upgrade !== undefined && isFenced(state, id)) interruptUpgrade(context, place);
  advance(context, place);
  settle(context, place);
}

/** Why the instance is not to be there any more; undefined: it is. */
function refusalFor(
  state: FleetState,
  copy: Copy,
  place: {
    readonly deployment: Deployment | undefined;
    readonly node: FleetRegistration | undefined;
  },
): string | undefined {
  const { deployment, node } = place;
  if (deployment === undefined) return "there is no such deployment any more";
  if (deployment.removing) return "the deployment is removed";
  if (node === undefined) return "the node is registered no longer";
  if (serviceOf(deployment, node.id) !== copy.instance.service) {
    return `the deployment runs ${deployment.service} now`;
  }
  const candidates = ensureCandidates(state, copy, { deployment, node });
  return candidates.length === 0 ? copy.refusal : undefined;
}

/** Does the next thing about an instance that is wanted, one at a time. */
function advance(context: FleetContext, place: Place): void {
  const { state, now } = context;
  const { copy } = place;
  const { service, release, phase, wasHealthy } = copy.instance;
  if (copy.expected !== undefined) return;
  if (copy.healthySinceMs !== undefined) {
    onHealthy(context, place, copy.healthySinceMs);
    return;
  }
  if (mutated("S7-next-before-healthy") && copy.instance.upgrade !== undefined) {
    endUpgrade(context, place, { phase: "running" });
    return;
  }
  if (!state.armed) return;
  const record = state.services.get(service);
  if (record === undefined) {
    const change = putInstance(state, copy, { attemptSinceMs: now });
    emit(context, [change, putService(copy, "started")]);
    return;
  }
  if (record.removing) return;
  const want = wantOf(state, copy);
  if (!isSame(want.release, release) && isFree(copy)) {
    redirect(context, place, { release: want.release });
    return;
  }
  if (phase === "failed" && !want.isLastResort && isSame(want.release, release)) {
    // Something has changed: it counts as not tried yet.
    const next = wasHealthy ? "running" : "installing";
    emit(context, [putInstance(state, copy, { phase: next, attemptSinceMs: now })]);
  }
  if (record.requested === "disabled") {
    startAgain(context, copy);
  } else if (!isSame(record.release, release)) {
    emit(context, [putService(copy, nextRequest(state, copy))]);
  } else {
    onUnhealthy(context, place);
  }
}

/** Nothing is taken down when its release changes now: it is under an upgrade, or was never healthy. */
function isFree({ instance }: Copy): boolean {
  if (instance.upgrade !== undefined || instance.phase === "installing") return true;
  return instance.phase === "failed" && !instance.wasHealthy;
}

/** It is stopped: the next attempt begins. */
function startAgain(context: FleetContext, copy: Copy): void {
  const { state, now } = context;
  if (!isDown(state, copy)) return;
  const change = putInstance(state, copy, { attemptSinceMs: now });
  emit(context, [change, putService(copy, "started")]);
}

function onHealthy(context: FleetContext, place: Place, healthySinceMs: number): void {
  const { state, now } = context;
  const { copy, deployment } = place;
  const healthyForMs = now - healthySinceMs;
  const isLongEnough = healthyForMs >= deployment.rollout.healthyForMs;
  if (copy.instance.upgrade !== undefined) {
    if (isLongEnough) endUpgrade(context, place, { phase: "running" });
    return;
  }
  beRunning(context, place);
  if (isLongEnough) noteDone(context, place);
  const { verifiedDurationMs } = versionOf(deployment, copy.instance.release);
  if (copy.instance.isVerified || healthyForMs < verifiedDurationMs) return;
  emit(context, [putInstance(state, copy, { isVerified: true, failedAttempts: 0 })]);
}

/** It is healthy, whatever was said of its release before. */
function beRunning(context: FleetContext, place: Place): void {
  const { state } = context;
  const { copy, deployment, node } = place;
  const { phase, release, wasHealthy } = copy.instance;
  const isDoubted = isGivenUp(copy.instance, release, underOf(state, copy.instance));
  const isListed = copy.instance.givenUp.some((one) => isSame(one.release, release));
  if (phase === "running" && wasHealthy && !isListed) return;
  const givenUp = withoutGivenUp(copy, release);
  const change = putInstance(state, copy, { phase: "running", wasHealthy: true, givenUp });
  const reason = { code: "instance-recovered", node: node.id, version: release.version } as const;
  const told = phase === "failed" || isDoubted ? [tellDeployment(deployment.name, reason)] : [];
  emit(context, [change, ...told]);
}

/** What the rollout brought is healthy, although its upgrade was interrupted or had failed. */
function noteDone(context: FleetContext, { copy, deployment }: Place): void {
  const { state } = context;
  const { release, rollout, previous, outcome } = copy.instance;
  const isBrought = rollout === latestRollout(state, deployment.name)?.number;
  if (!isBrought || previous === undefined || outcome === "done") return;
  const first = copy.candidates?.[0];
  if (first === undefined || !isSame(first, release)) return;
  const change = putInstance(state, copy, { outcome: "done" });
  recount(state, copy);
  emit(context, [change, ...countWrites(state, deployment.name)]);
}
