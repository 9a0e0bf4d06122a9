/**
 * Whether a constraint holds for the properties of something, and if not, which part of it does not.
 *
 * A clause on a property that is not there does not hold, whatever its operator: `zone != a` holds only for what has
 * a zone. `NOT zone == a` holds without one, as NOT is true of all that does not hold.
 */
import { assertNever } from "../assert.ts";
import type { Constraint, Properties, PropertyValue } from "./constraint.ts";
import { propertiesIn } from "./properties-in.ts";
import { verdictOf } from "./verdict.ts";

/** A property that the failing part is about. */
export interface Finding {
  readonly property: string;
  /** Undefined: it is not there. */
  readonly value: PropertyValue | undefined;
}

/** Why a constraint does not hold; `failureSentence` says it to people. */
export interface Failure {
  readonly holds: false;
  /** The first part that fails: a clause, alternatives of which none holds, or a NOT of what holds. */
  readonly part: Constraint;
  /** What was found for each property of that part, in order of appearance. */
  readonly found: readonly Finding[];
}

/** Whether it holds, and why not. */
export type Evaluation = { readonly holds: true } | Failure;

const holds: Evaluation = { holds: true };

/** Whether the constraint holds for the properties; on success nothing is allocated. Never throws. */
export function evaluate(constraint: Constraint, properties: Properties): Evaluation {
  return isMet(constraint, properties) ? holds : failureOf(constraint, properties);
}

function isMet(constraint: Constraint, properties: Properties): boolean {
  switch (constraint.kind) {
    case "clause": {
      const value = valueIn(properties, constraint.property);
      return value !== undefined && verdictOf(constraint, value) === "holds";
    }
    case "and":
      for (const part of constraint.parts) if (!isMet(part, properties)) return false;
      return true;
    case "or":
      for (const part of constraint.parts) if (isMet(part, properties)) return true;
      return false;
    case "not":
      return !isMet(constraint.part, properties);
    default:
      return assertNever(constraint);
  }
}

/** Names such as `constructor` are nobody's property unless somebody set them. */
function valueIn(properties: Properties, name: string): PropertyValue | undefined {
  return Object.hasOwn(properties, name) ? properties[name] : undefined;
}

/** Of a constraint that does not hold. */
function failureOf(constraint: Constraint, properties: Properties): Failure {
  if (constraint.kind === "and") {
    const first = constraint.parts.find((part) => !isMet(part, properties));
    if (first !== undefined) return failureOf(first, properties);
  }
  if (constraint.kind === "not" && constraint.part.kind === "not") {
    return failureOf(constraint.part.part, properties);
  }
  const names = new Set(propertiesIn(constraint).map((use) => use.property));
  const found = [...names].map((property) => ({ property, value: valueIn(properties, property) }));
  return { holds: false, part: constraint, found };
}
