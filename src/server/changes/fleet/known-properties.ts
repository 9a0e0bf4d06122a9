/** Properties that a constraint names must be known: a slip of the pen would silently fit nothing, or everything. */
import { isBuiltIn } from "../../../core/constraints/effective-properties.ts";
import { parseConstraint } from "../../../core/constraints/parse.ts";
import { type PropertyUse, propertiesIn } from "../../../core/constraints/properties-in.ts";
import { ok, type Result } from "../../../core/result.ts";
import type { Problem } from "../../../wire/errors.ts";
import type { ViewTables } from "../../view/view-tables.ts";
import { badInput, type Fault } from "./bad-input.ts";

/** What becomes of a constraint that names a property which nothing has. */
export type UnknownProperties = "refused" | "allowed";

/** Properties that every deployment has for the constraint of a node. */
const ofEveryDeployment: readonly string[] = ["service", "version"];

/** Faults of a constraint over nodes: properties that no node has. */
export function checkNodeProperties(
  tables: ViewTables,
  constraint: string | undefined,
  unknown: UnknownProperties,
): Result<void, Problem> {
  const isKnown = (name: string): boolean => isBuiltIn(name) || isOnAnyNode(tables, name);
  return check(constraint, { isKnown, holder: "no node", unknown });
}

/** Faults of a node's constraint: properties that no deployment and no definition has. */
export function checkDeploymentProperties(
  tables: ViewTables,
  constraint: string | undefined,
  unknown: UnknownProperties,
): Result<void, Problem> {
  const isKnown = (name: string): boolean =>
    ofEveryDeployment.includes(name) || isOnAnyDeployment(tables, name);
  return check(constraint, { isKnown, holder: "no deployment or definition", unknown });
}

interface Known {
  isKnown(name: string): boolean;
  readonly holder: string;
  readonly unknown: UnknownProperties;
}

function check(constraint: string | undefined, known: Known): Result<void, Problem> {
  if (constraint === undefined || known.unknown === "allowed") return ok(undefined);
  const parsed = parseConstraint(constraint);
  // What is none was refused where it came in.
  if (!parsed.ok) return badInput([faultAt(parsed.error.message)]);
  const faults = propertiesIn(parsed.value)
    .filter(({ property }) => !known.isKnown(property))
    .map((use) => faultAt(messageOf(use, known.holder)));
  return faults.length === 0 ? ok(undefined) : badInput(faults);
}

function faultAt(message: string): Fault {
  return { path: "constraint", message };
}

function messageOf({ property, position }: PropertyUse, holder: string): string {
  return `at character ${position + 1}: ${holder} has a property "${property}" (allowUnknownProperties lets it pass)`;
}

function isOnAnyNode(tables: ViewTables, name: string): boolean {
  for (const { value } of tables.nodes.values()) {
    if (Object.hasOwn(value.properties, name)) return true;
    if (Object.hasOwn(value.setProperties ?? {}, name)) return true;
  }
  return false;
}

function isOnAnyDeployment(tables: ViewTables, name: string): boolean {
  for (const { value } of tables.deployments.values()) {
    if (Object.hasOwn(value.deployment.properties, name)) return true;
  }
  for (const { value } of tables.definitions.values()) {
    if (Object.hasOwn(value.definition.properties, name)) return true;
  }
  return false;
}
