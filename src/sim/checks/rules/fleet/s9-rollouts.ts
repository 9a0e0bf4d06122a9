/**
 * S9 for fleets: once all faults are over, within a bound, no rollout goes on, nobody holds a slot or is under an upgrade,
 * and every deployment has its instances, which run what they are to run.
 */
import { checkCompatible } from "../../../../core/fleet/compatibility.ts";
import { compareIds, type NodeId } from "../../../../core/ids.ts";
import { compareVersions } from "../../../../core/versions.ts";
import {
  definitionOf,
  deploymentOf,
  fleetRegistrationOf,
} from "../../../../runtime/fleet/fleet-records.ts";
import type { DeploymentRecord } from "../../../../wire/fleet/deployments.ts";
import type { InstanceRecord, RolloutRecord } from "../../../../wire/fleet/instances.ts";
import { livenessBoundMs } from "../../bound.ts";
import type { Check, CheckContext } from "../../check.ts";
import type { FleetFacts } from "./fleet-facts.ts";

/** Looks at all of it at the end of a play whose calm was long enough. */
export function createRolloutsCheck(context: CheckContext, facts: FleetFacts): Check {
  const { view, ledger, accuse } = context;

  function checkDeployment({ deployment, removing, inputsKey }: DeploymentRecord): void {
    const { name } = deployment;
    const own = [...facts.instances.values()].filter((one) => one.deployment === name);
    if (own.some(({ node, upgrade }) => isOffline(node) && (removing || upgrade !== undefined))) {
      return; // nothing is done there until the node is enabled
    }
    if (removing) {
      accuse("S9", `deployment ${name} is to be removed and is still there`);
      return;
    }
    const rollout = latestOf(facts, name);
    // It does not end before anybody was there to begin with.
    const isNobodyThere = rollout !== undefined && rollout.done + rollout.failed === 0;
    const waits = own.some(
      ({ node }) => waitsForOffline(node) || (isNobodyThere && isOffline(node)),
    );
    if (rollout !== undefined && isGoingOn(rollout) && !waits) {
      accuse("S9", `rollout ${rollout.number} of ${name} is ${rollout.state} and does not end`);
    }
    for (const node of [...ledger.nodes.keys()].sort(compareIds)) {
      const instance = own.find((one) => one.node === node);
      const versions = fitting(node, name);
      if (instance === undefined) {
        const isOpen = ledger.nodes.get(node)?.mode === "enabled";
        const isThere = isOpen && versions.length > 0 && ledger.leases.has(node);
        const isWithheld = versions.every((version) => withholds(rollout, version));
        if (isThere && !isWithheld) accuse("S9", `${name} has no instance on ${node}, which fits`);
      } else if (ledger.leases.has(node)) {
        checkInstance(instance, { versions, inputsKey, rollout });
      }
    }
  }

  /** The deployment's versions that may run on the node, the best first. */
  function fitting(node: NodeId, name: string): readonly string[] {
    const registered = ledger.nodes.get(node);
    if (registered === undefined) return [];
    const stored = facts.deployments.get(name)?.value;
    if (stored === undefined) return [];
    const deployment = deploymentOf(stored);
    return deployment.versions.flatMap(({ version }) => {
      const definition = facts.definitions.get(`${deployment.service}/${version}`);
      if (definition === undefined) return [];
      const fits = checkCompatible({
        deployment,
        definition: definitionOf(definition),
        node: fleetRegistrationOf(registered),
      });
      return fits.ok ? [version] : [];
    });
  }

  function checkInstance(
    instance: InstanceRecord,
    wanted: {
      readonly versions: readonly string[];
      readonly inputsKey: string;
      readonly rollout: RolloutRecord | undefined;
    },
  ): void {
    const { service, phase, release, upgrade } = instance;
    // While a rollout is paused nothing new begins, be it to mend what is not healthy.
    if (
      isRestless(instance) ||
      isOffline(instance.node) ||
      isKeptOut(instance) ||
      waitsForOffline(instance.node) ||
      wanted.rollout?.state === "paused"
    )
      return;
    const about = `${service} (${phase}, version ${release.version})`;
    if (phase === "removing" || upgrade !== undefined) {
      accuse("S9", `${about} is not at rest`);
      return;
    }
    if (phase !== "failed" && !facts.healthySinceMs.has(service)) {
      accuse("S9", `${about} is not healthy`);
    }
    const { versions, inputsKey, rollout } = wanted;
    const isGivenUp = (version: string): boolean =>
      instance.givenUp.some(
        (one) => one.release.version === version && one.release.inputsKey === inputsKey,
      );
    const isTriedOut = (version: string): boolean =>
      isGivenUp(version) || withholds(rollout, version);
    const best = versions.find((version) => !isTriedOut(version));
    const isBest = best === release.version && release.inputsKey === inputsKey;
    // What was taken back, or could not be ended, leaves instances as they are.
    const isOpen = rollout === undefined || (rollout.withheld.length === 0 && !isFailed(rollout));
    if (best !== undefined && !isBest && isOpen && phase !== "failed") {
      accuse("S9", `${about} is to run version ${best}`);
    }
  }

  /** A person has put it offline: nothing is done there. */
  function isOffline(node: NodeId): boolean {
    return ledger.nodes.get(node)?.mode === "offline";
  }

  /** It was about to come to a node that takes nothing new since. */
  function isKeptOut({ node, service }: InstanceRecord): boolean {
    const isClosed = ledger.nodes.get(node)?.mode !== "enabled";
    return isClosed && ledger.statuses.get(service)?.node === undefined;
  }

  /** A member of its group is put offline, or the group is set to wait for those that are offline, and one is. */
  function waitsForOffline(node: NodeId): boolean {
    const name = facts.members.get(node)?.value ?? "";
    const members = facts.membersOf(name, view.nowMs);
    if (members.some(isOffline)) return true;
    if (facts.groups.get(name)?.value !== "wait") return false;
    return members.some((member) => !ledger.leases.has(member));
  }

  /** A version that turns unhealthy again and again never comes to rest. */
  function isRestless({ deployment }: InstanceRecord): boolean {
    const of = facts.deployments.get(deployment)?.value.deployment.service;
    const { fleet, actions } = view.plan;
    const added = actions.flatMap(({ action }) =>
      action.kind === "put-definition" ? [action.definition] : [],
    );
    return [...(fleet?.definitions ?? []), ...added].some(
      (one) => one.service === of && one.behaviour.unhealthyAfterMs !== undefined,
    );
  }

  function checkRest(): void {
    for (const [group, { node }] of facts.slots) {
      if (isOffline(node)) continue;
      accuse("S9", `${node} holds the slot of ${group} although everything is at rest`);
    }
    for (const [node, { order, state }] of facts.agentUpgrades) {
      if (order === "install" && !isOffline(node))
        accuse("S9", `the agent of ${node} is ${state} and does not end`);
    }
    for (const { service, deployment } of facts.instances.values()) {
      if (!facts.deployments.has(deployment)) accuse("S9", `${service} outlives its deployment`);
    }
  }

  return {
    onEnd() {
      const lastMs = view.plan.actions.at(-1)?.atMs ?? 0;
      if (view.nowMs - lastMs < livenessBoundMs(view.plan)) return;
      checkRest();
      for (const [, { value }] of [...facts.deployments].sort(([l], [r]) => compareIds(l, r))) {
        checkDeployment(value);
      }
    },
  };
}

function latestOf(facts: FleetFacts, name: string): RolloutRecord | undefined {
  let latest: RolloutRecord | undefined;
  for (const rollout of facts.rollouts.values()) {
    if (rollout.deployment !== name) continue;
    if (latest === undefined || rollout.number > latest.number) latest = rollout;
  }
  return latest;
}

function isGoingOn({ state }: RolloutRecord): boolean {
  return state === "running" || state === "rolling-back";
}

function isFailed({ state }: RolloutRecord): boolean {
  return state === "failed";
}

function withholds(rollout: RolloutRecord | undefined, version: string): boolean {
  return rollout?.withheld.some((one) => compareVersions(one.version, version) === 0) === true;
}
