/** Deployments and their rollouts as people see them. */
import { compareIds, type NodeId } from "../../../core/ids.ts";
import type {
  DeploymentResource,
  InstanceCounts,
  RolloutResource,
} from "../../../wire/fleet/resources.ts";
import type { ViewTables } from "../view-tables.ts";
import { instanceCondition } from "./instance-condition.ts";

/** A deployment; undefined: there is none of this name. */
export function deploymentResource(
  tables: ViewTables,
  name: string,
): DeploymentResource | undefined {
  const row = tables.deployments.get(name);
  if (row === undefined) return undefined;
  const { deployment, generation, inputsKey, by, addedAtMs, removing } = row.value;
  const rollout = latestRollout(tables, name);
  return {
    ...{ name, generation, inputsKey, by, addedAtMs, removing },
    revision: row.revision,
    config: deployment,
    instances: countsOf(tables, name),
    ...(rollout === undefined ? {} : { rollout }),
  };
}

/** All deployments, in order of name. */
export function deploymentResources(tables: ViewTables): DeploymentResource[] {
  return [...tables.deployments.keys()]
    .sort(compareIds)
    .map((name) => deploymentResource(tables, name))
    .filter((resource) => resource !== undefined);
}

function countsOf(tables: ViewTables, deployment: string): InstanceCounts {
  const counts = { healthy: 0, changing: 0, failed: 0, offline: 0 };
  for (const node of tables.instanceNodes.get(deployment) ?? []) {
    const { instance, isHealthy, isOnline } = instanceCondition(tables, deployment, node) ?? {};
    if (instance === undefined) continue;
    if (isOnline !== true) counts.offline += 1;
    else if (instance.phase === "failed") counts.failed += 1;
    else if (instance.phase === "running" && isHealthy === true) counts.healthy += 1;
    else counts.changing += 1;
  }
  return counts;
}

/** The nodes that have an instance of the deployment, in order. */
export function nodesOf(tables: ViewTables, deployment: string): readonly NodeId[] {
  return [...(tables.instanceNodes.get(deployment) ?? [])].sort(compareIds);
}

/** A rollout by its key below the prefix; undefined: there is none. */
export function rolloutResource(tables: ViewTables, key: string): RolloutResource | undefined {
  const row = tables.rollouts.get(key);
  if (row === undefined) return undefined;
  const {
    version: _version,
    to,
    withheld: _withheld,
    endedAtMs,
    canariesDoneAtMs,
    ...rest
  } = row.value;
  return {
    ...rest,
    id: `${rest.deployment}/${rest.number}`,
    revision: row.revision,
    version: to.version,
    ...(endedAtMs === undefined ? {} : { endedAtMs }),
    ...(canariesDoneAtMs === undefined ? {} : { canariesDoneAtMs }),
  };
}

/** The rollouts of a deployment, newest first. */
export function rolloutResources(tables: ViewTables, deployment: string): RolloutResource[] {
  return [...(tables.rolloutKeys.get(deployment) ?? [])]
    .map((key) => rolloutResource(tables, key))
    .filter((resource) => resource !== undefined)
    .sort((left, right) => right.number - left.number);
}

/** The newest rollout of a deployment; undefined: there was none yet. */
export function latestRollout(tables: ViewTables, deployment: string): RolloutResource | undefined {
  const key = latestRolloutKey(tables, deployment);
  return key === undefined ? undefined : rolloutResource(tables, key);
}

/** Its key below the prefix; undefined: there was none yet. */
export function latestRolloutKey(tables: ViewTables, deployment: string): string | undefined {
  let latest: string | undefined;
  let number = 0;
  for (const key of tables.rolloutKeys.get(deployment) ?? []) {
    const rollout = tables.rollouts.get(key)?.value;
    if (rollout === undefined || rollout.number <= number) continue;
    latest = key;
    number = rollout.number;
  }
  return latest;
}
