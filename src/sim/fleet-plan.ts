/**
 * What of a plan is about fleets: HA groups, the versions of services and how each behaves, deployments, and the versions
 * of agents. A plan without any of it has no fleet.
 */
import type { Properties } from "../core/constraints/constraint.ts";
import type { NodeId, ServiceId } from "../core/ids.ts";
import type { DeploymentConfig } from "../wire/fleet/deployments.ts";
import type { PolicyConfig } from "../wire/fleet/policies.ts";

export interface HaGroupPlan {
  readonly name: string;
  readonly members: readonly NodeId[];
  readonly whenMembersOffline: "continue" | "wait";
}

/** What becomes of a process of one version, where it is told to start. */
export interface VersionBehaviour {
  /** It takes so long, on top of a start, until its health check passes for the first time. */
  readonly healthyAfterMs: number;
  /** `fails`: each start does, after that time. `hangs`: no start ever ends by itself. */
  readonly start: "ok" | "fails" | "hangs";
  /** After so long its health check fails; undefined: never. */
  readonly unhealthyAfterMs: number | undefined;
  /** It starts and stays well everywhere but on these nodes; undefined: on all it is as said. */
  readonly onlyOn: readonly NodeId[] | undefined;
}

/** One version of a service. */
export interface DefinitionPlan {
  /** `<type>:<name>`, without a node. */
  readonly service: ServiceId;
  readonly version: string;
  readonly properties: Properties;
  readonly constraint: string | undefined;
  readonly behaviour: VersionBehaviour;
}

/** A package of Holdfast, and what becomes of an agent that is to be of that version. */
export interface AgentPackagePlan {
  readonly version: string;
  /** `fails`: it cannot be unpacked. `unhealthy`: it never gets a lease, and the one before comes back. */
  readonly install: "ok" | "fails" | "unhealthy";
}

export interface FleetPlan {
  readonly haGroups: readonly HaGroupPlan[];
  readonly definitions: readonly DefinitionPlan[];
  readonly deployments: readonly DeploymentConfig[];
  readonly packages: readonly AgentPackagePlan[];
  readonly policies: readonly PolicyConfig[];
}

/** One thing that people do to a fleet. */
export type FleetAction =
  /** Added or changed; its members stay as they are. */
  | { readonly kind: "put-ha-group"; readonly group: Omit<HaGroupPlan, "members"> }
  | { readonly kind: "remove-ha-group"; readonly name: string }
  /** The node is in this group from now on, wherever it was; undefined: in none. */
  | { readonly kind: "ha-member"; readonly node: NodeId; readonly group: string | undefined }
  | { readonly kind: "put-definition"; readonly definition: DefinitionPlan }
  | { readonly kind: "remove-definition"; readonly of: ServiceId; readonly version: string }
  | { readonly kind: "put-deployment"; readonly deployment: DeploymentConfig }
  | { readonly kind: "remove-deployment"; readonly name: string }
  | {
      readonly kind: "rollout";
      readonly deployment: string;
      readonly order: "pause" | "resume" | "abort";
    }
  /** What people have set is these from now on. */
  | { readonly kind: "set-properties"; readonly node: NodeId; readonly properties: Properties }
  | { readonly kind: "put-package"; readonly package: AgentPackagePlan }
  | { readonly kind: "put-policy"; readonly policy: PolicyConfig }
  | { readonly kind: "remove-policy"; readonly name: string };

/** A version that does all that is asked of it. */
export const goodVersion: VersionBehaviour = {
  healthyAfterMs: 0,
  start: "ok",
  unhealthyAfterMs: undefined,
  onlyOn: undefined,
};

const actionKinds: Readonly<Record<FleetAction["kind"], true>> = {
  "put-ha-group": true,
  "remove-ha-group": true,
  "ha-member": true,
  "put-definition": true,
  "remove-definition": true,
  "put-deployment": true,
  "remove-deployment": true,
  rollout: true,
  "set-properties": true,
  "put-package": true,
  "put-policy": true,
  "remove-policy": true,
};

/** Whether it is done to a fleet. */
export function isFleetAction(action: { readonly kind: string }): action is FleetAction {
  return Object.hasOwn(actionKinds, action.kind);
}
