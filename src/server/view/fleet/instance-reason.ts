/**
 * What keeps an instance from being as it is to be, as a sentence. For people who ask: by the fleet's own functions. For
 * those who watch, told with every change: by what its records alone say.
 */
import { sentenceOf } from "../../../core/explain/sentence.ts";
import type { Release } from "../../../core/fleet/model/instance.ts";
import type { FleetState } from "../../../core/fleet/state.ts";
import { whyInstance } from "../../../core/fleet/why.ts";
import type { NodeId } from "../../../core/ids.ts";
import type { InstantMs } from "../../../core/time.ts";
import type { RolloutRecord } from "../../../wire/fleet/instances.ts";
import type { ViewTables } from "../view-tables.ts";
import { latestRolloutKey } from "./deployment-resource.ts";
import { type InstanceCondition, isSameRelease } from "./instance-condition.ts";

/** Undefined: it is as it is to be. */
export function reasonByFleet(
  state: FleetState,
  subject: { readonly deployment: string; readonly node: NodeId },
  now: InstantMs,
): string | undefined {
  const { verdict, sentence } = whyInstance(state, subject, now);
  return verdict === "as-wanted" ? undefined : sentence;
}

/** Undefined: it is as it is to be, as far as its records say. */
export function reasonByRecords(
  tables: ViewTables,
  { instance, isOnline, isHealthy }: InstanceCondition,
): string | undefined {
  const { node, phase, release, upgrade, givenUp } = instance;
  if (!isOnline) return sentenceOf({ code: "waits-for-node-online", node });
  switch (phase) {
    case "removing":
      return "it is being stopped, then it is forgotten";
    case "failed":
      return `no version becomes healthy here: ${givenUp.at(-1)?.because ?? "it is not healthy"}`;
    case "installing":
      return `version ${release.version} starts`;
    case "upgrading":
      return upgradeReason(release, upgrade);
    case "running":
      return turnReason(tables, instance) ?? (isHealthy ? undefined : "it is not healthy");
    default:
      return phase satisfies never;
  }
}

function upgradeReason(
  { version }: Release,
  upgrade: InstanceCondition["instance"]["upgrade"],
): string {
  if (upgrade === undefined) return `it is changed to version ${version}`;
  const { from, to } = upgrade;
  if (isSameRelease(from, to)) return `the new one failed: it goes back to version ${to.version}`;
  const inputs = from.version === to.version ? ", with other inputs" : "";
  return `it is changed from version ${from.version} to ${to.version}${inputs}`;
}

/** Why an instance that runs another release than the rollout brings has not been changed yet. */
function turnReason(
  tables: ViewTables,
  { deployment, node, release, givenUp }: InstanceCondition["instance"],
): string | undefined {
  const rollout = rolloutUnderWay(tables, deployment);
  if (rollout === undefined || isSameRelease(rollout.to, release)) return undefined;
  if (givenUp.some((line) => isSameRelease(line.release, rollout.to))) return undefined;
  return `it is to run version ${rollout.to.version}: ${obstacleTo(tables, node, rollout)}`;
}

function obstacleTo(tables: ViewTables, node: NodeId, rollout: RolloutRecord): string {
  if (rollout.state === "paused") {
    return sentenceOf({ code: "waits-for-resume", rollout: rollout.number });
  }
  if (tables.nodes.get(node)?.value.mode === "offline") {
    return sentenceOf({ code: "waits-for-node-enabled", node });
  }
  if (tables.nodes.get(node)?.value.maintenance === true) {
    return sentenceOf({ code: "waits-for-node-open", node });
  }
  const group = tables.haMembers.get(node)?.value.group;
  const slot = group === undefined ? undefined : tables.upgradeSlots.get(group)?.value;
  if (slot === undefined || slot.node === node) return "its turn comes";
  return sentenceOf({ code: "waits-for-slot", group: slot.group, holder: slot.node });
}

/** The rollout that brings the deployment as it is now; undefined: none does. */
function rolloutUnderWay(tables: ViewTables, deployment: string): RolloutRecord | undefined {
  const key = latestRolloutKey(tables, deployment);
  const rollout = key === undefined ? undefined : tables.rollouts.get(key)?.value;
  const generation = tables.deployments.get(deployment)?.value.generation;
  const isUnderWay = rollout?.state === "running" || rollout?.state === "paused";
  return isUnderWay && rollout.generation === generation ? rollout : undefined;
}
