/** Random fleets and what people do to them, for tests of the written form: every field with and without a value. */
import type { NodeId } from "../../../src/core/ids.ts";
import type { DefinitionPlan, FleetAction, FleetPlan } from "../../../src/sim/fleet-plan.ts";
import { type DeploymentConfig, deploymentSchema } from "../../../src/wire/fleet/deployments.ts";
import { type PolicyConfig, policySchema } from "../../../src/wire/fleet/policies.ts";
import { type Dice, serviceNamed } from "./dice.ts";

interface Names {
  readonly nodes: readonly NodeId[];
}

const services = ["process:api", "process:7"].map(serviceNamed);
const versions = ["1.0.0", "2.0.0-rc.1", "3"] as const;
const groupNames = ["pair", "3", "yes"] as const;
const deploymentNames = ["api", "10", "no"] as const;

function definitionOf(dice: Dice, names: Names): DefinitionPlan {
  return {
    service: dice.pick(services),
    version: dice.pick(versions),
    properties: dice.flag() ? {} : { arch: "arm64", size: 3, fast: true, tags: ["a", "b"] },
    constraint: dice.maybe(() => 'zone == "a" AND cores >= 2'),
    behaviour: {
      healthyAfterMs: dice.pick([0, 250, 90_000]),
      start: dice.pick(["ok", "fails", "hangs"]),
      unhealthyAfterMs: dice.maybe(() => dice.pick([1, 20_000])),
      onlyOn: dice.maybe(() => dice.some(names.nodes)),
    },
  };
}

function deploymentOf(dice: Dice, name: string): DeploymentConfig {
  const chosen = versions.slice(0, 1 + dice.below(versions.length));
  return deploymentSchema.parse({
    name,
    service: dice.pick(services),
    ...(dice.flag() ? { constraint: 'zone in "a,b"' } : {}),
    ...(dice.flag() ? { description: "for people: all" } : {}),
    properties: dice.flag() ? {} : { tier: 1 },
    versions: chosen.map((version, index) => ({
      version,
      ...(dice.flag() ? { priority: 10 + index } : {}),
      retries: 1 + dice.below(4),
      retryDurationMs: 100 + dice.below(90_000),
      verifiedDurationMs: dice.below(90_000),
    })),
    inputs: dice.flag() ? {} : { LEVEL: 3, NAME: "x y", ON: false },
    haSemantics: dice.pick(["one-at-a-time", "none"]),
    rollout: {
      maxUnavailable: dice.pick([1, 7, "25%"]),
      ...(dice.flag() ? { canaries: { count: 2, waitMs: 1_500 } } : {}),
      failedShareMax: dice.share(),
      healthyForMs: dice.below(10_000),
    },
  });
}

function policyOf(dice: Dice, name: string): PolicyConfig {
  return policySchema.parse({
    name,
    agentVersion: dice.pick(["latest", "1.2.3"]),
    allowDowngrade: dice.flag(),
    ...(dice.flag() ? { constraint: "zone == a" } : {}),
    ...(dice.flag() ? { start: "2030-01-01T00:00:00Z" } : {}),
    ...(dice.flag() ? { windowMs: 3_600_000 } : {}),
    spreadMs: dice.pick([0, 60_000]),
    enabled: dice.flag(),
    healthyWithinMs: 1_000 + dice.below(5_000),
    nodesAtOnce: 1 + dice.below(9),
  });
}

/** Each node in one group at most; no version twice. */
export function fleetOf(dice: Dice, names: Names): FleetPlan {
  const free = [...names.nodes];
  const definitions = Array.from({ length: dice.below(4) }, () => definitionOf(dice, names));
  const known = new Map(definitions.map((one) => [`${one.service} ${one.version}`, one]));
  // As they are written: by service.
  const ordered = [...new Set([...known.values()].map(({ service }) => service))].flatMap((of) =>
    [...known.values()].filter(({ service }) => service === of),
  );
  return {
    haGroups: dice.some(groupNames).map((name) => ({
      name,
      members: free.splice(0, dice.below(3)),
      whenMembersOffline: dice.pick(["continue", "wait"]),
    })),
    definitions: ordered,
    deployments: dice.some(deploymentNames).map((name) => deploymentOf(dice, name)),
    packages: dice
      .some(["0.2.0", "1"])
      .map((version) => ({ version, install: dice.pick(["ok", "fails", "unhealthy"]) })),
    policies: dice.some(["agents", "7"]).map((name) => policyOf(dice, name)),
  };
}

type Make = (dice: Dice, names: Names) => FleetAction;

/** One maker for each kind. */
export const fleetMakers: Readonly<Record<FleetAction["kind"], Make>> = {
  "put-ha-group": (dice) => ({
    kind: "put-ha-group",
    group: {
      name: dice.pick(groupNames),
      whenMembersOffline: dice.pick(["continue", "wait"]),
    },
  }),
  "remove-ha-group": (dice) => ({ kind: "remove-ha-group", name: dice.pick(groupNames) }),
  "ha-member": (dice, names) => ({
    kind: "ha-member",
    node: dice.pick(names.nodes),
    group: dice.maybe(() => dice.pick(groupNames)),
  }),
  "put-definition": (dice, names) => ({
    kind: "put-definition",
    definition: definitionOf(dice, names),
  }),
  "remove-definition": (dice) => ({
    kind: "remove-definition",
    of: dice.pick(services),
    version: dice.pick(versions),
  }),
  "put-deployment": (dice) => ({
    kind: "put-deployment",
    deployment: deploymentOf(dice, dice.pick(deploymentNames)),
  }),
  "remove-deployment": (dice) => ({ kind: "remove-deployment", name: dice.pick(deploymentNames) }),
  rollout: (dice) => ({
    kind: "rollout",
    deployment: dice.pick(deploymentNames),
    order: dice.pick(["pause", "resume", "abort"]),
  }),
  "set-properties": (dice, names) => ({
    kind: "set-properties",
    node: dice.pick(names.nodes),
    properties: dice.flag() ? {} : { zone: "a", slots: 4 },
  }),
  "put-package": (dice) => ({
    kind: "put-package",
    package: { version: "0.3.0", install: dice.pick(["ok", "fails", "unhealthy"]) },
  }),
  "put-policy": (dice) => ({ kind: "put-policy", policy: policyOf(dice, "agents") }),
  "remove-policy": () => ({ kind: "remove-policy", name: "agents" }),
};
