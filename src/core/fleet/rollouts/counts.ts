/** The figures of a rollout, from the sums over its deployment's instances. */
import type { FleetWrite } from "../effect.ts";
import { noSums } from "../memory/copies.ts";
import type { Rollout } from "../model/rollout.ts";
import type { FleetState, Sums } from "../state.ts";
import { latestRollout } from "./latest.ts";

/** The sums of a deployment. */
export function sumsOf(state: FleetState, deployment: string): Readonly<Sums> {
  return state.sums.get(deployment) ?? noSums();
}

/** The last rollout with its figures of now. One that is taken back keeps those of its way forwards. */
export function withCounts(state: FleetState, rollout: Rollout): Rollout {
  const { done, failed, todo, under, todoOffline: offline } = sumsOf(state, rollout.deployment);
  const isTakenBack = rollout.state === "rolling-back" || rollout.state === "rolled-back";
  if (isTakenBack) return { ...rollout, done: todo + under, offline };
  return { ...rollout, total: done + failed + todo + under, done, failed, offline };
}

/** Puts a rollout into memory, in the place of the one of its number or at the end. */
export function setRollout(state: FleetState, rollout: Rollout): FleetWrite {
  const known = state.rollouts.get(rollout.deployment) ?? [];
  const others = known.filter(({ number }) => number !== rollout.number);
  const rollouts = [...others, rollout].sort((left, right) => left.number - right.number);
  state.rollouts.set(rollout.deployment, rollouts);
  return { kind: "put-rollout", rollout };
}

/** Writes the last rollout's figures, if they are not written yet. */
export function countWrites(state: FleetState, deployment: string): readonly FleetWrite[] {
  const latest = latestRollout(state, deployment);
  if (latest === undefined) return [];
  const next = withCounts(state, latest);
  const isWritten =
    next.total === latest.total &&
    next.done === latest.done &&
    next.failed === latest.failed &&
    next.offline === latest.offline;
  return isWritten ? [] : [setRollout(state, next)];
}
