/**
 * Attempts to have an instance healthy: each ends in health, by the agent's word that it failed, or by time. The way
 * out of a failed one is that of an operator: disabled, stopped, and started again.
 */
import { spanOf } from "../../explain/sentences/words.ts";
import { emit, type FleetContext, tellDeployment } from "../context.ts";
import type { FleetWrite } from "../effect.ts";
import { isSame } from "../memory/copies.ts";
import type { GivenUp, Release } from "../model/instance.ts";
import { countWrites } from "../rollouts/counts.ts";
import type { Copy, FleetState } from "../state.ts";
import { givenUpNow, isGivenUp, underOf, versionOf, wantOf } from "./candidates.ts";
import { putInstance, putService } from "./change.ts";
import { clockSinceMs } from "./health.ts";
import type { Place } from "./place.ts";
import { recount } from "./settle.ts";
import { endUpgrade, redirect } from "./upgrade.ts";

/** Carries on with an instance that is not healthy. */
export function onUnhealthy(context: FleetContext, place: Place): void {
  const { state, now } = context;
  const { copy, deployment } = place;
  if (copy.isClockStopped) return;
  if (isLeftInError(state, copy)) {
    emit(context, [putService(copy, "disabled")]);
    return;
  }
  const { retryDurationMs } = versionOf(deployment, copy.instance.release);
  const isOver = now >= clockSinceMs(copy) + retryDurationMs;
  const failure = failureOf(state, copy);
  const { phase, release } = copy.instance;
  const isDoubted = isGivenUp(copy.instance, release, underOf(state, copy.instance));
  const isAgain = phase === "running" || failure !== undefined || isOver;
  if (phase !== "failed" && isDoubted && isAgain && wantOf(state, copy).isLastResort) {
    // It waited for something better, or had to go back to this, and there is nothing better any more.
    failForGood(context, place, { told: [], detail: lastFailureOf(copy) });
  } else if (phase === "failed" || isDoubted) {
    // Tried on, no faster than an attempt may take, until its turn to be changed comes or it is healthy after all.
    if (isOver) emit(context, [putService(copy, "disabled")]);
  } else if (failure !== undefined) failAttempt(context, place, failure);
  else if (isOver)
    failAttempt(context, place, `it is not healthy after ${spanOf(retryDurationMs)}`);
}

/** The manager gave up what it ran before, just as the present record was written: of that nothing was tried yet. */
function isLeftInError(state: FleetState, { instance }: Copy): boolean {
  const status = state.statuses.get(instance.service);
  const report = state.reports.get(instance.service);
  const record = state.services.get(instance.service);
  if (status?.state !== "error" || record === undefined) return false;
  return report === undefined || report.configRevision < record.revision;
}

/** What its agent says has failed, or that the manager has given it up; undefined: nothing. */
function failureOf(state: FleetState, { instance }: Copy): string | undefined {
  const status = state.statuses.get(instance.service);
  const report = state.reports.get(instance.service);
  const record = state.services.get(instance.service);
  const isCurrent =
    report !== undefined && record !== undefined && report.configRevision >= record.revision;
  const detail = isCurrent && report.detail !== "" ? report.detail : "its service is in error";
  if (status?.state === "error") return detail;
  if (!isCurrent || status?.state !== "started" || report.uid !== status.uid) return undefined;
  const hasFailed = report.result !== "running" && report.result !== "released";
  return hasFailed && report.result !== "stopped" ? detail : undefined;
}

function failAttempt(context: FleetContext, place: Place, detail: string): void {
  const { state } = context;
  const { copy, deployment } = place;
  const { instance } = copy;
  const failedAttempts = instance.failedAttempts + 1;
  const { retries } = versionOf(deployment, instance.release);
  if (failedAttempts < retries) {
    emit(context, [putInstance(state, copy, { failedAttempts }), putService(copy, "disabled")]);
    return;
  }
  giveUp(context, place, { detail, attempts: failedAttempts });
}

/** The release is used there no more, unless nothing else is left. */
function giveUp(
  context: FleetContext,
  place: Place,
  failure: { readonly detail: string; readonly attempts: number },
): void {
  const { state } = context;
  const { copy, deployment } = place;
  const { release, node, phase } = copy.instance;
  putInstance(state, copy, { givenUp: withGivenUp(context, copy, failure.detail) }); // written below
  const want = wantOf(state, copy);
  const told = tellDeployment(deployment.name, {
    code: "version-given-up",
    node,
    version: release.version,
    ...failure,
    next: want.isLastResort ? undefined : want.release.version,
  });
  if (want.isLastResort) {
    failForGood(context, place, { told: [told], detail: failure.detail });
  } else if (phase === "running") {
    // Its change waits for its turn; until then it is tried on as it is.
    const restart = putInstance(state, copy, { failedAttempts: failure.attempts });
    emit(context, [restart, putService(copy, "disabled"), told]);
  } else {
    redirect(context, place, { release: want.release, told: [told] });
  }
}

function failForGood(
  context: FleetContext,
  place: Place,
  failure: { readonly told: readonly FleetWrite[]; readonly detail: string },
): void {
  const { state, now } = context;
  const { copy, deployment } = place;
  const { node, upgrade, rollout, previous, outcome } = copy.instance;
  const reason = { code: "instance-failed", node, detail: failure.detail } as const;
  const told = [...failure.told, tellDeployment(deployment.name, reason)];
  if (upgrade !== undefined) {
    endUpgrade(context, place, { phase: "failed", told });
    return;
  }
  const isBrought = previous !== undefined && rollout > 0;
  const next = isBrought ? ("failed" as const) : outcome;
  const change = putInstance(state, copy, {
    phase: "failed",
    failedAttempts: 0,
    attemptSinceMs: now,
    isVerified: false,
    outcome: next,
  });
  recount(state, copy);
  emit(context, [change, ...countWrites(state, deployment.name), ...told]);
}

function withGivenUp(
  { state, now }: FleetContext,
  copy: Copy,
  because: string,
): readonly GivenUp[] {
  const { instance } = copy;
  const under = underOf(state, instance);
  const { release } = instance;
  const others = givenUpNow(state, copy).filter((one) => !isSame(one.release, release));
  return [...others, { release, because, atMs: now, under }];
}

function lastFailureOf({ instance }: Copy): string {
  return instance.givenUp.at(-1)?.because ?? "it is not healthy";
}

/** What is kept of releases that were given up when one of them is healthy after all. */
export function withoutGivenUp(copy: Copy, release: Release): readonly GivenUp[] {
  return copy.instance.givenUp.filter((one) => !isSame(one.release, release));
}
