/** What the last rollout of a deployment says about it. */
import type { Deployment } from "../model/deployment.ts";
import type { Release } from "../model/instance.ts";
import type { Rollout, RolloutState } from "../model/rollout.ts";
import type { FleetState } from "../state.ts";

/** The last rollout of a deployment; undefined: there was none. */
export function latestRollout(state: FleetState, deployment: string): Rollout | undefined {
  return state.rollouts.get(deployment)?.at(-1);
}

/** Whether a rollout goes on. */
export function isActive(state: RolloutState): boolean {
  return state === "running" || state === "paused" || state === "rolling-back";
}

/** The rollout that was taken back and holds releases back until the deployment changes; undefined: none does. */
export function withholding(state: FleetState, deployment: Deployment): Rollout | undefined {
  const latest = latestRollout(state, deployment.name);
  if (latest === undefined || latest.generation !== deployment.generation) return undefined;
  return latest.withheld.length > 0 ? latest : undefined;
}

/** What the deployment wants where everything fits: its first version that is defined. */
export function topRelease(state: FleetState, deployment: Deployment): Release | undefined {
  const defined = state.definitions.get(deployment.service);
  const top = deployment.versions.find(({ version }) => defined?.has(version));
  return top && { version: top.version, inputsKey: deployment.inputsKey };
}
