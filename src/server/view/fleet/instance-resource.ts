/** Instances as people see them: what each runs, how it is, and what keeps it from being as it is to be. */
import type { NodeId } from "../../../core/ids.ts";
import type { InstantMs } from "../../../core/time.ts";
import type { InstanceRecord } from "../../../wire/fleet/instances.ts";
import type { InstanceResource } from "../../../wire/fleet/resources.ts";
import type { ViewTables } from "../view-tables.ts";
import { nodesOf } from "./deployment-resource.ts";
import { fleetStateOf } from "./fleet-state.ts";
import { type InstanceCondition, instanceCondition, isSameRelease } from "./instance-condition.ts";
import { reasonByFleet, reasonByRecords } from "./instance-reason.ts";

/** The instance of a deployment on a node, as its records alone show it; undefined: there is none. */
export function instanceResource(
  tables: ViewTables,
  deployment: string,
  node: NodeId,
): InstanceResource | undefined {
  const condition = instanceCondition(tables, deployment, node);
  if (condition === undefined) return undefined;
  return compose(tables, condition, reasonByRecords(tables, condition));
}

/** All instances of a deployment, in order of their nodes, as their records alone show them. */
export function instanceResources(tables: ViewTables, deployment: string): InstanceResource[] {
  return nodesOf(tables, deployment)
    .map((node) => instanceResource(tables, deployment, node))
    .filter((resource) => resource !== undefined);
}

/** As above, with the fleet's own reasons. */
export function explainedInstances(
  tables: ViewTables,
  deployment: string,
  now: InstantMs,
): InstanceResource[] {
  const state = fleetStateOf(tables, deployment, now);
  return nodesOf(tables, deployment).flatMap((node) => {
    const condition = instanceCondition(tables, deployment, node);
    if (condition === undefined) return [];
    return [compose(tables, condition, reasonByFleet(state, { deployment, node }, now))];
  });
}

function compose(
  tables: ViewTables,
  { row, instance, isHealthy, isOnline, report }: InstanceCondition,
  because: string | undefined,
): InstanceResource {
  const { deployment, node, service, phase, release, rollout, failedAttempts } = instance;
  const haGroup = tables.haMembers.get(node)?.value.group;
  return {
    id: `${deployment}/${node}`,
    ...{ service, deployment, node, phase, rollout, failedAttempts, isHealthy, isOnline },
    revision: row.revision,
    version: release.version,
    inputsKey: release.inputsKey,
    isVerified: instance.isVerified,
    state: tables.statuses.get(service)?.value.state ?? "queued",
    running: report?.result ?? "unknown",
    health: report?.health ?? "unknown",
    detail: report?.detail ?? "",
    ...upgradeOf(instance),
    givenUp: instance.givenUp.map(({ release: { version, inputsKey }, because: why, atMs }) => ({
      ...{ version, inputsKey, because: why, atMs },
    })),
    ...(haGroup === undefined ? {} : { haGroup }),
    holdsSlot: haGroup !== undefined && tables.upgradeSlots.get(haGroup)?.value.node === node,
    ...(because === undefined ? {} : { because }),
  };
}

function upgradeOf({ upgrade }: InstanceRecord): Pick<InstanceResource, "upgrade"> {
  if (upgrade === undefined) return {};
  const { from, to, sinceMs } = upgrade;
  const goesBack = isSameRelease(from, to);
  return { upgrade: { from: from.version, to: to.version, sinceMs, goesBack } };
}
