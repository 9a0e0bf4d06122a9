/** What people do to a fleet, as one sentence, without a full stop. */
import { assertNever } from "../../core/assert.ts";
import type { FleetAction, VersionBehaviour } from "../fleet-plan.ts";
import { writeDuration } from "../scenario/yaml/quantity.ts";

/** The sentence. */
export function wordsOfFleetAction(action: FleetAction): string {
  switch (action.kind) {
    case "put-ha-group":
      return `HA group "${action.group.name}" is set`;
    case "remove-ha-group":
      return `HA group "${action.name}" is removed`;
    case "ha-member":
      return action.group === undefined
        ? `${action.node} leaves its HA group`
        : `${action.node} joins HA group "${action.group}"`;
    case "put-definition": {
      const { service, version, behaviour } = action.definition;
      return `version ${version} of ${service} is added${behaviourWords(behaviour)}`;
    }
    case "remove-definition":
      return `version ${action.version} of ${action.of} is removed`;
    case "put-deployment": {
      const { name, service, versions } = action.deployment;
      const listed = versions.map(({ version }) => version).join(", then ");
      return `deployment "${name}" is to run ${service} in version ${listed}`;
    }
    case "remove-deployment":
      return `deployment "${action.name}" is removed`;
    case "rollout":
      return `a person orders: ${action.order} the rollout of "${action.deployment}"`;
    case "set-properties": {
      const set = Object.entries(action.properties).map(([name, value]) => `${name} = ${value}`);
      return `${action.node} has ${set.length === 0 ? "no properties of its own" : set.join(", ")}`;
    }
    case "put-package":
      return `the package of Holdfast ${action.package.version} is pushed`;
    case "put-policy":
      return `policy "${action.policy.name}" is set: agents are to be ${action.policy.agentVersion}`;
    case "remove-policy":
      return `policy "${action.name}" is removed`;
    default:
      return assertNever(action);
  }
}

function behaviourWords(behaviour: VersionBehaviour): string {
  const { start, unhealthyAfterMs, onlyOn } = behaviour;
  const parts = [
    ...(start === "fails" ? ["it fails to start"] : []),
    ...(start === "hangs" ? ["its start never ends"] : []),
    ...(unhealthyAfterMs === undefined
      ? []
      : [`it is unhealthy after ${writeDuration(unhealthyAfterMs)}`]),
  ];
  if (parts.length === 0) return "";
  const where = onlyOn === undefined ? "" : ` on ${onlyOn.join(", ")}`;
  return `: ${parts.join(", ")}${where}`;
}
