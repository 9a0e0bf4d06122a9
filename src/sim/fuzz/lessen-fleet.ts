/** Plans without one part of their fleet: whatever names the part goes with it. */
import type { NodeId, ServiceId } from "../../core/ids.ts";
import { type DefinitionPlan, type FleetPlan, isFleetAction } from "../fleet-plan.ts";
import type { Action, Plan } from "../plan.ts";

type Lessening = (plan: Plan) => Plan | undefined;

/** How many parts a fleet has. */
export function sizeOfFleet(fleet: FleetPlan | undefined): number {
  if (fleet === undefined) return 0;
  const { haGroups, definitions, deployments, packages, policies } = fleet;
  const members = haGroups.reduce((sum, group) => sum + group.members.length, 0);
  const versions = deployments.reduce((sum, one) => sum + one.versions.length, 0);
  const parts = [haGroups, definitions, deployments, packages, policies];
  return 1 + members + versions + parts.reduce((sum, part) => sum + part.length, 0);
}

/** Each way to leave out one part. */
export function fleetLessenings({ fleet }: Plan): readonly Lessening[] {
  if (fleet === undefined) return [];
  return [
    withoutFleet,
    ...fleet.deployments.map(
      ({ name }): Lessening =>
        (plan) =>
          withoutDeployment(plan, name),
    ),
    ...fleet.haGroups.map(
      ({ name }): Lessening =>
        (plan) =>
          withoutHaGroup(plan, name),
    ),
    ...fleet.definitions.map(
      ({ service, version }): Lessening =>
        (plan) =>
          withoutVersion(plan, service, version),
    ),
    withoutAgents,
  ];
}

function withoutFleet(plan: Plan): Plan | undefined {
  const { fleet: _fleet, ...rest } = plan;
  return { ...rest, actions: plan.actions.filter(({ action }) => !isOfFleet(action)) };
}

function withoutDeployment(plan: Plan, name: string): Plan | undefined {
  return changed(plan, (fleet) => ({
    fleet: { ...fleet, deployments: fleet.deployments.filter((one) => one.name !== name) },
    drops: (action) =>
      (action.kind === "put-deployment" && action.deployment.name === name) ||
      (action.kind === "remove-deployment" && action.name === name) ||
      (action.kind === "rollout" && action.deployment === name) ||
      ("service" in action && String(action.service).includes(`:${name}@`)),
  }));
}

function withoutHaGroup(plan: Plan, name: string): Plan | undefined {
  return changed(plan, (fleet) => ({
    fleet: { ...fleet, haGroups: fleet.haGroups.filter((one) => one.name !== name) },
    drops: (action) =>
      (action.kind === "put-ha-group" && action.group.name === name) ||
      (action.kind === "remove-ha-group" && action.name === name) ||
      (action.kind === "ha-member" && action.group === name),
  }));
}

/** Not when a deployment would have no version left. */
function withoutVersion(plan: Plan, service: ServiceId, version: string): Plan | undefined {
  const less = <T extends FleetPlan["deployments"][number]>(one: T): T =>
    one.service === service
      ? { ...one, versions: one.versions.filter((line) => line.version !== version) }
      : one;
  const next = changed(plan, (fleet) => ({
    fleet: {
      ...fleet,
      definitions: fleet.definitions.filter(
        (one) => one.service !== service || one.version !== version,
      ),
      deployments: fleet.deployments.map(less),
    },
    drops: () => false,
  }));
  if (next === undefined) return undefined;
  const actions = next.actions.map(({ atMs, action }) => ({
    atMs,
    action:
      action.kind === "put-deployment"
        ? { ...action, deployment: less(action.deployment) }
        : action,
  }));
  const deployments = [
    ...(next.fleet?.deployments ?? []),
    ...actions.flatMap(({ action }) =>
      action.kind === "put-deployment" ? [action.deployment] : [],
    ),
  ];
  return deployments.some(({ versions }) => versions.length === 0)
    ? undefined
    : { ...next, actions };
}

function withoutAgents(plan: Plan): Plan | undefined {
  return changed(plan, (fleet) => ({
    fleet: { ...fleet, packages: [], policies: [] },
    drops: ({ kind }) =>
      kind === "put-package" || kind === "put-policy" || kind === "remove-policy",
  }));
}

interface Change {
  readonly fleet: FleetPlan;
  readonly drops: (action: Action) => boolean;
}

function changed(plan: Plan, change: (fleet: FleetPlan) => Change): Plan | undefined {
  if (plan.fleet === undefined) return undefined;
  const { fleet, drops } = change(plan.fleet);
  return { ...plan, fleet, actions: plan.actions.filter(({ action }) => !drops(action)) };
}

function isOfFleet(action: Action): boolean {
  return isFleetAction(action) || ("service" in action && String(action.service).includes("@"));
}

/** The fleet without the node: out of its groups, and of what versions do only there. */
export function fleetWithoutNode(fleet: FleetPlan, id: NodeId): FleetPlan {
  return {
    ...fleet,
    haGroups: fleet.haGroups.map((group) => ({
      ...group,
      members: group.members.filter((node) => node !== id),
    })),
    definitions: fleet.definitions.map((one) => definitionWithoutNode(one, id)),
  };
}

/** What a version does on that node alone it does nowhere. */
export function definitionWithoutNode(definition: DefinitionPlan, id: NodeId): DefinitionPlan {
  const { behaviour } = definition;
  if (behaviour.onlyOn === undefined) return definition;
  const onlyOn = behaviour.onlyOn.filter((node) => node !== id);
  return { ...definition, behaviour: { ...behaviour, onlyOn } };
}
