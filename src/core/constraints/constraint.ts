/** What a constraint is once it is read: a tree of clauses over properties. */

/** What a property may be. */
export type PropertyValue = string | number | boolean | readonly string[];
/** Properties of a node, a deployment or a service, by name. */
export type Properties = Readonly<Record<string, PropertyValue>>;

/** All operators; `=` is another way to write `==`. */
export const operators = ["==", "!=", "<", "<=", ">", ">=", "in"] as const;
export type Operator = (typeof operators)[number];

/** A range of versions, e.g. `[1.0.0,2.0.0)`: `(` and `)` leave the end out; an end that is undefined is open. */
export interface VersionRange {
  readonly from: string | undefined;
  readonly fromIncluded: boolean;
  readonly to: string | undefined;
  readonly toIncluded: boolean;
}

/**
 * The right side of a clause. A `text` can be a version as well, and so can the text of a number (`1.10`): what is
 * compared how depends on the property, see `verdictOf`.
 */
export type ClauseValue =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "number"; readonly number: number; readonly text: string }
  | { readonly kind: "boolean"; readonly boolean: boolean }
  | { readonly kind: "list"; readonly items: readonly string[] }
  | { readonly kind: "range"; readonly range: VersionRange };

/** One property, held against one value. */
export interface Clause {
  readonly kind: "clause";
  readonly property: string;
  readonly operator: Operator;
  readonly value: ClauseValue;
  /** As it was written, with single blanks, for the sentence that says which clause fails. */
  readonly text: string;
  /** Offset of its property in the text that it was read from, from 0. */
  readonly position: number;
}

/** A clause, or several combined; `parseConstraint` makes no `and` or `or` of one part. */
export type Constraint =
  | Clause
  | { readonly kind: "and" | "or"; readonly parts: readonly [Constraint, ...Constraint[]] }
  | { readonly kind: "not"; readonly part: Constraint };

/** Where a text is no constraint. */
export interface ConstraintFault {
  /** Offset of the first character that does not fit, from 0; the length of the text: it ends too early. */
  readonly position: number;
  /** What was expected there, and what was found, for a person. */
  readonly message: string;
}
