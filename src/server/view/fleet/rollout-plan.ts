/** What would come of a deployment as it is to be, in the words of the API. */
import { planRollout } from "../../../core/fleet/plan.ts";
import type { InstantMs } from "../../../core/time.ts";
import { deploymentOf } from "../../../runtime/fleet/fleet-records.ts";
import type { DeploymentRecord } from "../../../wire/fleet/deployments.ts";
import type { RolloutPlan } from "../../../wire/fleet/resources.ts";
import type { ViewTables } from "../view-tables.ts";
import { fleetStateOf } from "./fleet-state.ts";

/** The plan; `record` is what the deployment's record would be. Nothing is written. */
export function rolloutPlan(
  tables: ViewTables,
  record: DeploymentRecord,
  now: InstantMs,
): Omit<RolloutPlan, "warnings"> {
  const { name } = record.deployment;
  const plan = planRollout(fleetStateOf(tables, name, now), deploymentOf(record));
  const { installs, removals, offline, chains, parallel, longestChain, expectedMs } = plan;
  const upgrades = [...chains.flatMap(({ nodes }) => nodes), ...parallel].sort();
  const present = tables.instanceNodes.get(name)?.size ?? 0;
  return {
    ...{ installs: [...installs], upgrades, removals: [...removals], offline: [...offline] },
    unchanged: Math.max(0, present - upgrades.length - removals.length),
    groups: chains.map(({ group, nodes }) => ({ group, nodes: [...nodes] })),
    steps: longestChain,
    expectedMs,
    canEnd: plan.canEnd,
    blocks: plan.blocks.map(({ node, because }) => ({ node, because })),
  };
}
