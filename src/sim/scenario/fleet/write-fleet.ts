/** Fleets and what people do to them as the fields and words that `read-fleet.ts` and `words.ts` read. */
import { assertNever } from "../../../core/assert.ts";
import type { AgentPackagePlan, DefinitionPlan, FleetAction, FleetPlan } from "../../fleet-plan.ts";
import { writeDuration } from "../yaml/quantity.ts";
import { type Fields, withoutUndefined, writeNamed } from "../yaml/write-parts.ts";

/** The fields of a scenario that are about its fleet; none without one. */
export function writeFleet(fleet: FleetPlan | undefined): Fields {
  if (fleet === undefined) return {};
  return {
    haGroups: writeNamed(
      fleet.haGroups.map(({ name, ...fields }) => [name, fields]),
      "name",
    ),
    definitions: writeDefinitions(fleet.definitions),
    deployments: writeNamed(
      fleet.deployments.map(({ name, ...fields }) => [name, withoutUndefined(fields)]),
      "name",
    ),
    packages: writeNamed(
      fleet.packages.map(({ version, ...fields }) => [version, fields]),
      "version",
    ),
    policies: writeNamed(
      fleet.policies.map(({ name, ...fields }) => [name, withoutUndefined(fields)]),
      "name",
    ),
  };
}

function writeDefinitions(definitions: readonly DefinitionPlan[]): unknown {
  const services = [...new Set(definitions.map(({ service }) => service))];
  return Object.fromEntries(
    services.map((service) => {
      const own = definitions.filter((one) => one.service === service);
      const versions = own.map((one) => [one.version, writeDefinition(one)] as const);
      return [service, writeNamed(versions, "version")];
    }),
  );
}

function writeDefinition({ properties, constraint, behaviour }: DefinitionPlan): Fields {
  const { healthyAfterMs, start, unhealthyAfterMs, onlyOn } = behaviour;
  return withoutUndefined({
    properties: Object.keys(properties).length === 0 ? undefined : properties,
    constraint,
    healthyAfter: healthyAfterMs === 0 ? undefined : writeDuration(healthyAfterMs),
    start: start === "ok" ? undefined : start,
    unhealthyAfter: unhealthyAfterMs === undefined ? undefined : writeDuration(unhealthyAfterMs),
    onlyOn,
  });
}

/** The word that stands for the action, with its value. */
export function writeFleetStep(action: FleetAction): readonly [word: string, value: unknown] {
  switch (action.kind) {
    case "put-ha-group":
      return ["put ha group", action.group];
    case "remove-ha-group":
      return ["remove ha group", action.name];
    case "ha-member":
      return action.group === undefined
        ? ["leave ha group", action.node]
        : ["join ha group", { node: action.node, name: action.group }];
    case "put-definition": {
      const { service, version } = action.definition;
      return ["define", { service, version, ...writeDefinition(action.definition) }];
    }
    case "remove-definition":
      return ["undefine", { service: action.of, version: action.version }];
    case "put-deployment":
      return ["deploy", withoutUndefined({ ...action.deployment })];
    case "remove-deployment":
      return ["remove deployment", action.name];
    case "rollout":
      return [`${action.order} rollout`, action.deployment];
    case "set-properties":
      return ["properties", { node: action.node, set: action.properties }];
    case "put-package":
      return ["push package", writePackage(action.package)];
    case "put-policy":
      return ["put policy", withoutUndefined({ ...action.policy })];
    case "remove-policy":
      return ["remove policy", action.name];
    default:
      return assertNever(action);
  }
}

function writePackage({ version, install }: AgentPackagePlan): Fields {
  return withoutUndefined({ version, install: install === "ok" ? undefined : install });
}
