/** One upgrade of an instance: its beginning, its change of direction, and its ends. */
import { assert } from "../../assert.ts";
import type { UpgradeOutcome } from "../../explain/fleet-reason.ts";
import {
  emit,
  type FleetContext,
  markAgentTurn,
  markCopy,
  markWaiting,
  tellDeployment,
} from "../context.ts";
import type { FleetWrite } from "../effect.ts";
import { isSame } from "../memory/copies.ts";
import { orderingGroup } from "../memory/nodes.ts";
import type { Instance, Release } from "../model/instance.ts";
import { countWrites } from "../rollouts/counts.ts";
import { latestRollout, withholding } from "../rollouts/latest.ts";
import type { FleetState } from "../state.ts";
import { ensureCandidates, givenUpNow, wantOf } from "./candidates.ts";
import { nextRequest, putInstance, putService, slotBack, takeSlot } from "./change.ts";
import type { Place } from "./place.ts";
import { recount, settle } from "./settle.ts";

/** Begins the instance's change to the release that it is to run; the caller has made sure that it may (S7). */
export function beginUpgrade(
  context: FleetContext,
  place: Place,
  told: readonly FleetWrite[] = [],
): void {
  const { state, now } = context;
  const { copy, deployment, node } = place;
  const { release: from } = copy.instance;
  const { release: to } = wantOf(state, copy);
  assert(copy.instance.upgrade === undefined, "an instance is in one upgrade at a time");
  const rollout = latestRollout(state, deployment.name)?.number;
  assert(rollout !== undefined, "an upgrade is a step of a rollout");
  const group = orderingGroup(state, deployment.name, node.id);
  const slot = group === undefined ? [] : [slotFor(context, place, { group, from, to })];
  const change = putInstance(state, copy, {
    phase: "upgrading",
    release: to,
    rollout,
    previous: wayBack(state, place, { from, to }),
    upgrade: { rollout, from, to, sinceMs: now },
    givenUp: givenUpNow(state, copy),
    outcome: undefined,
    ...freshAttempt(context),
  });
  const service = putService(copy, nextRequest(state, copy));
  const reason = { code: "upgrade-begun", node: node.id, ...words(from, to), rollout } as const;
  copy.candidates = undefined; // what it ran before and runs now decides what it may go back to
  settle(context, place);
  const counts = countWrites(state, deployment.name);
  const events = [tellDeployment(deployment.name, reason), ...told];
  emit(context, [...slot, change, service, ...counts, ...events]);
}

function slotFor(
  context: FleetContext,
  { deployment, node }: Place,
  step: { readonly group: string; readonly from: Release; readonly to: Release },
): FleetWrite {
  const { group, from, to } = step;
  const use = { kind: "service", deployment: deployment.name, ...words(from, to) } as const;
  return takeSlot(context, { group, node: node.id, use });
}

/** Another release is tried: within the same upgrade, or before the instance was ever healthy. */
export function redirect(
  context: FleetContext,
  place: Place,
  turn: { readonly release: Release; readonly told?: readonly FleetWrite[] },
): void {
  const { state } = context;
  const { copy, deployment, node } = place;
  const { upgrade, release: before } = copy.instance;
  const { release: to, told = [] } = turn;
  const attempt = freshAttempt(context);
  const rollout = latestRollout(state, deployment.name)?.number ?? 0;
  const change = putInstance(
    state,
    copy,
    upgrade === undefined
      ? { phase: "installing", release: to, rollout, ...attempt }
      : {
          release: to,
          rollout,
          previous: wayBack(state, place, { from: upgrade.from, to }),
          upgrade: { ...upgrade, rollout, to },
          ...attempt,
        },
  );
  const service = putService(copy, nextRequest(state, copy));
  const reason = {
    code: "upgrade-redirected",
    node: node.id,
    ...words(before, to),
    rollout,
  } as const;
  copy.candidates = undefined;
  settle(context, place);
  const counts = countWrites(state, deployment.name);
  const events = told.length > 0 ? told : [tellDeployment(deployment.name, reason)];
  emit(context, [change, service, ...counts, ...events]);
}

/** An upgrade is over: its instance is healthy for long enough, or nothing becomes healthy there. */
export function endUpgrade(
  context: FleetContext,
  place: Place,
  end: { readonly phase: "running" | "failed"; readonly told?: readonly FleetWrite[] },
): void {
  const { phase, told = [] } = end;
  const outcome = phase === "failed" ? "failed" : outcomeOf(context.state, place);
  finish(context, place, { phase, outcome, told });
}

/** The node was fenced: whatever its agent was told is void (S4), and the instance is judged anew when it is back. */
export function interruptUpgrade(context: FleetContext, place: Place): void {
  const isAimedAt = outcomeOf(context.state, place);
  const outcome = isAimedAt === "failed" ? "failed" : "interrupted";
  finish(context, place, { phase: "running", outcome, told: [] });
}

function finish(
  context: FleetContext,
  place: Place,
  end: {
    readonly phase: "running" | "failed";
    readonly outcome: UpgradeOutcome;
    readonly told: readonly FleetWrite[];
  },
): void {
  const { state, now } = context;
  const { copy, deployment, node } = place;
  const { upgrade, release, wasHealthy, failedAttempts } = copy.instance;
  assert(upgrade !== undefined, "only an upgrade under way can end");
  const { outcome, phase } = end;
  const isFailed = phase === "failed";
  const change = putInstance(state, copy, {
    phase,
    upgrade: undefined,
    rollout: latestRollout(state, deployment.name)?.number ?? upgrade.rollout,
    outcome: outcome === "done" || outcome === "failed" ? outcome : undefined,
    wasHealthy: wasHealthy || copy.healthySinceMs !== undefined,
    failedAttempts: isFailed ? 0 : failedAttempts,
    givenUp: givenUpNow(state, copy),
    ...(isFailed ? { attemptSinceMs: now } : {}),
  });
  const slot = slotBack(state, node.id);
  const reason = {
    code: "upgrade-ended",
    node: node.id,
    ...words(upgrade.from, release),
    outcome,
  } as const;
  copy.candidates = undefined;
  settle(context, place);
  recount(state, copy);
  markCopy(state, deployment.name, node.id);
  // One canary less is under way: whoever waits to be one, in whatever group, may be the next.
  if (deployment.rollout.canaries !== undefined) markWaiting(state, deployment.name);
  markAgentTurn(state, node.id);
  const counts = countWrites(state, deployment.name);
  emit(context, [change, ...slot, ...counts, tellDeployment(deployment.name, reason), ...end.told]);
}

/** What has become of an upgrade whose instance is healthy. */
function outcomeOf(state: FleetState, place: Place): "done" | "failed" | "back" | "changed" {
  const { copy, deployment } = place;
  const { release } = copy.instance;
  const [first] = ensureCandidates(state, copy, place);
  if (first === undefined || !isSame(wantOf(state, copy).release, release)) return "changed";
  if (!isSame(first, release)) return "failed";
  return withholding(state, deployment) === undefined ? "done" : "back";
}

/** What it ran before; nothing if it goes back already. */
function wayBack(
  state: FleetState,
  { deployment }: Place,
  { from, to }: { readonly from: Release; readonly to: Release },
): Release | undefined {
  if (isSame(from, to) || withholding(state, deployment) !== undefined) return undefined;
  return from;
}

function freshAttempt({
  now,
}: FleetContext): Pick<Instance, "failedAttempts" | "attemptSinceMs" | "isVerified"> {
  return { failedAttempts: 0, attemptSinceMs: now, isVerified: false };
}

function words(from: Release, to: Release): { readonly from: string; readonly to: string } {
  return { from: from.version, to: to.version };
}
