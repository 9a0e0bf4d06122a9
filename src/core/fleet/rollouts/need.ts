/** Whether a deployment's change needs a rollout that there is not yet. */
import { isSame } from "../memory/copies.ts";
import type { Deployment } from "../model/deployment.ts";
import type { FleetState } from "../state.ts";
import { sumsOf } from "./counts.ts";
import { latestRollout, topRelease } from "./latest.ts";

/** Some instance has to be changed, and the last rollout is of an older deployment or brought something else. */
export function needsRollout(state: FleetState, deployment: Deployment): boolean {
  const { waiting, under } = sumsOf(state, deployment.name);
  const to = topRelease(state, deployment);
  if (waiting + under === 0 || to === undefined || deployment.removing) return false;
  const latest = latestRollout(state, deployment.name);
  if (latest === undefined || latest.generation < deployment.generation) return true;
  return !isSame(latest.to, to);
}
