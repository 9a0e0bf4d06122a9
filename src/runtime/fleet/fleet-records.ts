/** Turns what is stored of the fleet into what its core decides with, and back. */
import { InvariantError } from "../../core/assert.ts";
import type { Constraint } from "../../core/constraints/constraint.ts";
import { effectiveProperties } from "../../core/constraints/effective-properties.ts";
import { parseConstraint } from "../../core/constraints/parse.ts";
import type {
  AgentUpgrade,
  AgentUpgradeReport,
  ManagementPolicy,
} from "../../core/fleet/model/agent-upgrade.ts";
import type { Definition, Deployment, RolloutPolicy } from "../../core/fleet/model/deployment.ts";
import type { FleetRegistration } from "../../core/fleet/model/fleet-node.ts";
import type { Instance, UpgradeSlot } from "../../core/fleet/model/instance.ts";
import type { Rollout } from "../../core/fleet/model/rollout.ts";
import type { NodeId } from "../../core/ids.ts";
import { durationMs, instantMs } from "../../core/time.ts";
import type { DefinitionRecord } from "../../wire/fleet/definitions.ts";
import type { DeploymentConfig, DeploymentRecord } from "../../wire/fleet/deployments.ts";
import type {
  InstanceRecord,
  RolloutRecord,
  UpgradeSlotRecord,
} from "../../wire/fleet/instances.ts";
import type {
  AgentUpgradeRecord,
  AgentUpgradeReportRecord,
  PolicyRecord,
} from "../../wire/fleet/policies.ts";
import { keys, type NodeRecord } from "../../wire/records.ts";

/** Digits of a rollout's number in its key: the keys are in the order of the numbers. */
const rolloutDigits = 10;

/** The key of a rollout. */
export function rolloutKey(deployment: string, number: number): string {
  return `${keys.rollouts}${deployment}/${String(number).padStart(rolloutDigits, "0")}`;
}

/** The node as deployments and policies see it. */
export function fleetRegistrationOf(record: NodeRecord): FleetRegistration {
  const { node, type, properties, setProperties = {}, agentVersion, maintenance, mode } = record;
  return {
    id: node,
    type,
    properties: effectiveProperties({ node, agentVersion, properties, setProperties }),
    constraint: constraintOf(record.constraint),
    agentVersion,
    maintenance,
    mode,
  };
}

/** The definition as the core takes it. */
export function definitionOf({ definition }: DefinitionRecord): Definition {
  const { service, version, properties, constraint } = definition;
  return { service, version, properties, constraint: constraintOf(constraint) };
}

/** The deployment as the core takes it. */
export function deploymentOf(record: DeploymentRecord): Deployment {
  const { deployment, generation, inputsKey, removing } = record;
  const { name, service, properties, haSemantics } = deployment;
  return {
    name,
    service,
    versions: versionsOf(deployment),
    properties,
    constraint: constraintOf(deployment.constraint),
    inputsKey,
    generation,
    haSemantics,
    rollout: rolloutPolicyOf(deployment.rollout),
    removing,
  };
}

/** In the order in which they are tried. */
function versionsOf({ versions }: DeploymentConfig): Deployment["versions"] {
  return versions
    .map((line, index) => ({
      version: line.version,
      priority: line.priority ?? index + 1,
      retries: line.retries,
      retryDurationMs: durationMs(line.retryDurationMs),
      verifiedDurationMs: durationMs(line.verifiedDurationMs),
    }))
    .sort((left, right) => left.priority - right.priority);
}

function rolloutPolicyOf(policy: DeploymentConfig["rollout"]): RolloutPolicy {
  const { maxUnavailable, canaries, failedShareMax, healthyForMs } = policy;
  return {
    maxUnavailable:
      typeof maxUnavailable === "number"
        ? { count: maxUnavailable }
        : { percent: Number.parseInt(maxUnavailable, 10) },
    canaries:
      canaries === undefined
        ? undefined
        : { count: canaries.count, waitMs: durationMs(canaries.waitMs) },
    failedShareMax,
    healthyForMs: durationMs(healthyForMs),
  };
}

/** The policy as the core takes it. */
export function policyOf({ policy, generation, startAtMs }: PolicyRecord): ManagementPolicy {
  const { name, agentVersion, allowDowngrade, windowMs, enabled, nodesAtOnce } = policy;
  return {
    name,
    constraint: constraintOf(policy.constraint),
    agentVersion,
    allowDowngrade,
    startAtMs: instantMs(startAtMs),
    windowMs: windowMs === undefined ? undefined : durationMs(windowMs),
    spreadMs: durationMs(policy.spreadMs),
    enabled,
    healthyWithinMs: durationMs(policy.healthyWithinMs),
    nodesAtOnce,
    generation,
  };
}

/** The instance that a manager stored. */
export function instanceOf(record: InstanceRecord): Instance {
  const {
    version: _version,
    upgrade,
    givenUp,
    attemptSinceMs,
    previous,
    outcome,
    ...rest
  } = record;
  return {
    ...rest,
    previous,
    outcome,
    upgrade:
      upgrade === undefined ? undefined : { ...upgrade, sinceMs: instantMs(upgrade.sinceMs) },
    attemptSinceMs: instantMs(attemptSinceMs),
    givenUp: givenUp.map((line) => ({ ...line, atMs: instantMs(line.atMs) })),
  };
}

/** The slot that a manager stored. */
export function slotOf({ group, node, use, sinceMs }: UpgradeSlotRecord): UpgradeSlot {
  return { group, node, use, sinceMs: instantMs(sinceMs) };
}

/** The rollout that a manager stored. */
export function rolloutOf(record: RolloutRecord): Rollout {
  const { version: _version, startedAtMs, endedAtMs, canariesDoneAtMs, ...rest } = record;
  return {
    ...rest,
    startedAtMs: instantMs(startedAtMs),
    endedAtMs: endedAtMs === undefined ? undefined : instantMs(endedAtMs),
    canariesDoneAtMs: canariesDoneAtMs === undefined ? undefined : instantMs(canariesDoneAtMs),
  };
}

/** The upgrade that a manager stored. */
export function agentUpgradeOf(record: AgentUpgradeRecord): AgentUpgrade {
  const { version: _version, healthyWithinMs, sinceMs, package: contents, ...rest } = record;
  return {
    ...rest,
    package: contents,
    healthyWithinMs: durationMs(healthyWithinMs),
    sinceMs: instantMs(sinceMs),
  };
}

/** The agent's word as the core takes it. */
export function agentUpgradeReportOf(
  node: NodeId,
  { id, state, detail, agentVersion }: AgentUpgradeReportRecord,
): AgentUpgradeReport {
  return { node, id, state, detail, agentVersion };
}

/** A constraint from the store: the border has refused every text that is none. */
function constraintOf(text: string | undefined): Constraint | undefined {
  if (text === undefined || text.trim() === "") return undefined;
  const parsed = parseConstraint(text);
  if (parsed.ok) return parsed.value;
  throw new InvariantError(`the stored constraint "${text}" is one: ${parsed.error.message}`);
}
