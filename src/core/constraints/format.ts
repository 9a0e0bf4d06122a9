/** A constraint as text: what people see of it. */
import { assertNever } from "../assert.ts";
import type { Constraint } from "./constraint.ts";

/** Each clause as it was written, with no more parentheses than needed; it parses to an equal constraint. */
export function formatConstraint(constraint: Constraint): string {
  switch (constraint.kind) {
    case "clause":
      return constraint.text;
    case "not":
      return `NOT ${asPart(constraint.part, ["clause", "not"])}`;
    case "and":
      return constraint.parts.map((part) => asPart(part, ["clause", "not"])).join(" AND ");
    case "or":
      return constraint.parts.map((part) => asPart(part, ["clause", "not", "and"])).join(" OR ");
    default:
      return assertNever(constraint);
  }
}

function asPart(part: Constraint, closer: readonly Constraint["kind"][]): string {
  return closer.includes(part.kind) ? formatConstraint(part) : `(${formatConstraint(part)})`;
}
