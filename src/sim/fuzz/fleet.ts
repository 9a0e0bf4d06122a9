/** The random fleet that a random plan plays with: HA groups over its nodes, versions of services, deployments. */
import { assert } from "../../core/assert.ts";
import { parseServiceId, type ServiceId } from "../../core/ids.ts";
import { type DeploymentConfig, deploymentSchema } from "../../wire/fleet/deployments.ts";
import { type PolicyConfig, policySchema } from "../../wire/fleet/policies.ts";
import {
  type AgentPackagePlan,
  type DefinitionPlan,
  type FleetPlan,
  goodVersion,
  type HaGroupPlan,
  type VersionBehaviour,
} from "../fleet-plan.ts";
import type { NodePlan, Pace } from "../plan.ts";
import type { Dice } from "./dice.ts";

/** Versions that a service may have. */
const versionNames = ["1.0.0", "1.1.0", "2.0.0", "3.0.0"] as const;
/** HA groups that there may be. */
export const haGroupNames = ["pair", "trio"] as const;
/** Deployments that there may be, each of a service of its own. */
const deploymentNames = ["api", "feed"] as const;
/** Values of the property `zone` of nodes. */
export const zones = ["east", "west"] as const;

/** Groups of two to four nodes, and one or two deployments whose versions are mostly good. */
export function randomFleet(
  dice: Dice,
  { nodes, pace }: { readonly nodes: readonly NodePlan[]; readonly pace: Pace },
): FleetPlan {
  const names = dice.chance(50) ? deploymentNames : deploymentNames.slice(0, 1);
  const definitions = names.flatMap((name) => randomDefinitions(dice, name, nodes));
  return {
    haGroups: randomHaGroups(dice, nodes),
    definitions,
    deployments: names.map((name) => randomDeployment(dice, name, { definitions, pace })),
    ...(dice.chance(50) ? randomAgents(dice) : { packages: [], policies: [] }),
  };
}

/** Versions of agents that there may be packages of. */
export const agentVersions = ["0.2.0", "0.3.0", "0.4.0"] as const;

function randomAgents(dice: Dice): Pick<FleetPlan, "packages" | "policies"> {
  return {
    packages: [randomPackage(dice, "0.2.0")],
    policies: dice.chance(50) ? [randomPolicy(dice)] : [],
  };
}

/** A package of that version; most are good. */
export function randomPackage(dice: Dice, version: string): AgentPackagePlan {
  const install = dice.weighted([
    [6, "ok"],
    [1, "fails"],
    [2, "unhealthy"],
  ] as const);
  return { version, install };
}

/** The policy for all agents, or those of one zone. */
export function randomPolicy(dice: Dice): PolicyConfig {
  return policySchema.parse({
    name: "agents",
    constraint: dice.chance(25) ? `zone == ${dice.pick(zones)}` : undefined,
    agentVersion: dice.chance(60) ? "latest" : dice.pick(agentVersions),
    allowDowngrade: dice.chance(30),
    spreadMs: dice.chance(50) ? 0 : dice.spread(10, 10_000),
    enabled: dice.chance(85),
    healthyWithinMs: dice.spread(1_000, 20_000),
    nodesAtOnce: dice.between(1, 3),
  });
}

function randomHaGroups(dice: Dice, nodes: readonly NodePlan[]): readonly HaGroupPlan[] {
  const free = nodes.map(({ node }) => node);
  return haGroupNames.flatMap((name) => {
    if (free.length === 0 || (name !== "pair" && dice.chance(40))) return [];
    const members = free.splice(0, dice.between(2, 4));
    return [{ name, members, whenMembersOffline: dice.chance(75) ? "continue" : "wait" } as const];
  });
}

/** The service that a deployment of this name runs. */
export function serviceOfDeployment(name: string): ServiceId {
  const parsed = parseServiceId(`process:${name}`);
  assert(parsed.ok, `"${name}" is a deployment's name`);
  return parsed.value;
}

function randomDefinitions(
  dice: Dice,
  name: string,
  nodes: readonly NodePlan[],
): readonly DefinitionPlan[] {
  return versionNames.map((version, index) => ({
    service: serviceOfDeployment(name),
    version,
    properties: {},
    constraint: undefined,
    // With a first one that is good there is something to lose.
    behaviour: index === 0 ? randomGoodVersion(dice) : randomBehaviour(dice, nodes),
  }));
}

/** One more version of a service, the highest one so far. */
export function randomDefinition(
  dice: Dice,
  of: {
    readonly service: ServiceId;
    readonly nodes: readonly NodePlan[];
    readonly count: number;
  },
): DefinitionPlan {
  const { service, nodes, count } = of;
  const behaviour = randomBehaviour(dice, nodes);
  return { service, version: `4.${count}.0`, properties: {}, constraint: undefined, behaviour };
}

function randomGoodVersion(dice: Dice): VersionBehaviour {
  return { ...goodVersion, healthyAfterMs: dice.chance(50) ? 0 : dice.spread(50, 2_000) };
}

function randomBehaviour(dice: Dice, nodes: readonly NodePlan[]): VersionBehaviour {
  if (dice.chance(60)) return randomGoodVersion(dice);
  return {
    healthyAfterMs: dice.chance(50) ? 0 : dice.spread(50, 4_000),
    start: dice.pick(["fails", "hangs", "ok"]),
    unhealthyAfterMs: dice.chance(50) ? dice.spread(500, 30_000) : undefined,
    onlyOn: dice.chance(50) ? [dice.pick(nodes).node] : undefined,
  };
}

/** A deployment of that name with some of the versions of its service. */
export function randomDeployment(
  dice: Dice,
  name: string,
  { definitions, pace }: { readonly definitions: readonly DefinitionPlan[]; readonly pace: Pace },
): DeploymentConfig {
  const service = serviceOfDeployment(name);
  const known = definitions.filter((one) => one.service === service).map(({ version }) => version);
  const some = dice.some(known, 50);
  const chosen = some.length === 0 ? [dice.pick(known)] : [...some].reverse();
  return deploymentSchema.parse({
    name,
    service,
    versions: chosen.slice(0, 3).map((version) => ({
      version,
      retries: dice.between(1, 2),
      // Mostly long enough for a good version, if nothing else goes wrong.
      retryDurationMs: 3 * pace.operationMs + dice.spread(1_000, 5_000),
      verifiedDurationMs: dice.spread(100, 20_000),
    })),
    constraint: dice.chance(20) ? `zone == ${dice.pick(zones)}` : undefined,
    inputs: { level: dice.between(1, 3) },
    haSemantics: dice.chance(90) ? "one-at-a-time" : "none",
    rollout: {
      maxUnavailable: dice.pick([1, 2, "50%"]),
      canaries: dice.chance(20) ? { count: 1, waitMs: dice.spread(100, 20_000) } : undefined,
      failedShareMax: dice.pick([0, 0.2, 0.5, 1]),
      healthyForMs: dice.spread(50, 5_000),
    },
  });
}
