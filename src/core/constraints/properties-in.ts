/** Which properties a constraint is about, so that an unknown one can be refused with its place. */
import { assertNever } from "../assert.ts";
import type { Constraint } from "./constraint.ts";

/** One place where a constraint names a property. */
export interface PropertyUse {
  readonly property: string;
  /** Offset of the name in the constraint's text, from 0. */
  readonly position: number;
}

/** All of them in order of appearance; a property that is used twice is there twice. */
export function propertiesIn(constraint: Constraint): readonly PropertyUse[] {
  switch (constraint.kind) {
    case "clause":
      return [{ property: constraint.property, position: constraint.position }];
    case "and":
    case "or":
      return constraint.parts.flatMap(propertiesIn);
    case "not":
      return propertiesIn(constraint.part);
    default:
      return assertNever(constraint);
  }
}
