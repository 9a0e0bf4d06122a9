/** The fleet that a scenario begins with: HA groups, definitions, deployments, packages of agents and policies. */
import * as z from "zod";
import type { DeploymentConfig } from "../../../wire/fleet/deployments.ts";
import type { PolicyConfig } from "../../../wire/fleet/policies.ts";
import type { AgentPackagePlan, DefinitionPlan, FleetPlan, HaGroupPlan } from "../../fleet-plan.ts";
import type { Path } from "../yaml/document.ts";
import type { References } from "../yaml/names.ts";
import { type Faults, namedParts, readPart } from "../yaml/parts.ts";
import { partName } from "../yaml/schemas.ts";
import {
  definitionOf,
  definitionSchema,
  deploymentField,
  haGroupSchema,
  numberField,
  packageField,
  policyField,
  serviceField,
} from "./schemas.ts";

const countMax = 10_000;

/** The fields of a scenario that are about fleets; what is wrong with them is told with the rest. */
export const fleetFields = {
  haGroups: z.unknown().optional(),
  definitions: z.unknown().optional(),
  deployments: z.unknown().optional(),
  packages: z.unknown().optional(),
  policies: z.unknown().optional(),
};
type FleetFields = { readonly [Name in keyof typeof fleetFields]?: unknown };

/** Undefined: nothing of it is said. */
export function readFleet(
  top: FleetFields,
  references: References,
  faults: Faults,
): FleetPlan | undefined {
  const { haGroups, definitions, deployments, packages, policies } = top;
  const said = [haGroups, definitions, deployments, packages, policies];
  if (said.every((each) => each === undefined)) return undefined;
  return {
    haGroups: readHaGroups(haGroups, references, faults),
    definitions: readDefinitions(definitions, references, faults),
    deployments: readNamed<DeploymentConfig>(deployments, "deployments", deploymentField, faults),
    packages: readPackages(packages, faults),
    policies: readNamed<PolicyConfig>(policies, "policies", policyField, faults),
  };
}

function readHaGroups(
  value: unknown,
  references: References,
  faults: Faults,
): readonly HaGroupPlan[] {
  const schema = haGroupSchema(references);
  const parts = namedParts(value, { path: ["haGroups"], nameField: "name", countMax }, faults);
  const taken = new Map<string, string>();
  return parts.flatMap((part) => {
    const name = readPart(partName, part.name, part.path, faults);
    const fields = readPart(schema, part.value, part.path, faults);
    if (name === undefined || fields === undefined) return [];
    const { members = [], whenMembersOffline } = fields;
    for (const node of members) {
      const other = taken.get(node);
      if (other !== undefined) faults.add(part.path, `node ${node} is in group ${other} already`);
      taken.set(node, name);
    }
    return [{ name, members, whenMembersOffline }];
  });
}

/** A map from services to maps from versions. */
function readDefinitions(
  value: unknown,
  references: References,
  faults: Faults,
): readonly DefinitionPlan[] {
  const schema = definitionSchema(references);
  const path: Path = ["definitions"];
  const services = namedParts(value, { path, nameField: "service", countMax }, faults);
  return services.flatMap((part) => {
    const service = readPart(serviceField, part.name, part.path, faults);
    const options = { path: part.path, nameField: "version", countMax };
    return namedParts(part.value, options, faults).flatMap((line) => {
      const version = readPart(numberField, line.name, line.path, faults);
      const fields = readPart(schema, line.value, line.path, faults);
      if (service === undefined || version === undefined || fields === undefined) return [];
      return [definitionOf({ service, version }, fields)];
    });
  });
}

function readNamed<T>(
  value: unknown,
  field: string,
  schema: z.ZodType<T, unknown>,
  faults: Faults,
): readonly T[] {
  const parts = namedParts(value, { path: [field], nameField: "name", countMax }, faults);
  return parts.flatMap((part) => {
    const named = { ...Object(part.value), name: part.name };
    const read = readPart(schema, named, part.path, faults);
    return read === undefined ? [] : [read];
  });
}

function readPackages(value: unknown, faults: Faults): readonly AgentPackagePlan[] {
  const options = { path: ["packages"], nameField: "version", countMax };
  return namedParts(value, options, faults).flatMap((part) => {
    const named = { ...Object(part.value), version: part.name };
    const read = readPart(packageField, named, part.path, faults);
    return read === undefined ? [] : [read];
  });
}
