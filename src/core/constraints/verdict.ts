/** Whether one clause holds for the value that its property has. */
import { assertNever } from "../assert.ts";
import { compareVersions, isVersion } from "../versions.ts";
import type { Clause, ClauseValue, PropertyValue, VersionRange } from "./constraint.ts";
import { booleanIn, numberIn } from "./literals.ts";

/** `unfit`: the operator, or the clause's value, makes no sense with such a property; it does not hold either. */
export type Verdict = "holds" | "differs" | "unfit";

/**
 * Numbers are compared by value, also with a text that reads as one; booleans likewise. Texts are equal character by
 * character; `<` and the like, and ranges, take them as versions. Of a property that is a list, `==` and `in` hold
 * when it has the value, or one of them, and `!=` when it has not.
 */
export function verdictOf(clause: Clause, property: PropertyValue): Verdict {
  if (typeof property === "number") return numberVerdict(clause, property);
  if (typeof property === "boolean") return booleanVerdict(clause, property);
  if (typeof property === "string") return textVerdict(clause, property);
  return listVerdict(clause, property);
}

/** The clause's value as a number; undefined: it is none. */
function numberOf(value: ClauseValue): number | undefined {
  if (value.kind === "number") return value.number;
  return value.kind === "text" ? numberIn(value.text) : undefined;
}

/** The clause's value as it is compared with texts; undefined for lists and ranges. */
function textOf(value: ClauseValue): string | undefined {
  switch (value.kind) {
    case "text":
    case "number":
      return value.text;
    case "boolean":
      return String(value.boolean);
    case "list":
    case "range":
      return undefined;
    default:
      return assertNever(value);
  }
}

function numberVerdict({ operator, value }: Clause, property: number): Verdict {
  if (value.kind === "range") return numberInRange(property, value.range);
  if (value.kind === "list") return heldIf(value.items.some((item) => numberIn(item) === property));
  const number = numberOf(value);
  if (number === undefined) return "unfit";
  if (operator === "in") return heldIf(property === number);
  return heldIf(isOrdered(operator, property - number));
}

/** The ends are taken as numbers, so that `cores in [2,8]` means what it says. */
function numberInRange(property: number, { from, to, ...range }: VersionRange): Verdict {
  const low = from === undefined ? undefined : numberIn(from);
  const high = to === undefined ? undefined : numberIn(to);
  if ((from !== undefined && low === undefined) || (to !== undefined && high === undefined)) {
    return "unfit";
  }
  const isAbove = low === undefined || property > low || (range.fromIncluded && property === low);
  const isBelow = high === undefined || property < high || (range.toIncluded && property === high);
  return heldIf(isAbove && isBelow);
}

function booleanVerdict({ operator, value }: Clause, property: boolean): Verdict {
  if (value.kind === "list") {
    return heldIf(value.items.some((item) => booleanIn(item) === property));
  }
  const text = textOf(value);
  const boolean = text === undefined ? undefined : booleanIn(text);
  if (boolean === undefined || !isEquality(operator)) return "unfit";
  return heldIf((boolean === property) === (operator !== "!="));
}

function textVerdict({ operator, value }: Clause, property: string): Verdict {
  if (value.kind === "range") {
    return isVersion(property) ? heldIf(isInRange(property, value.range)) : "unfit";
  }
  if (value.kind === "list") return heldIf(value.items.includes(property));
  const text = textOf(value) ?? "";
  if (isEquality(operator)) return heldIf((property === text) === (operator !== "!="));
  if (!isVersion(property) || !isVersion(text)) return "unfit";
  return heldIf(isOrdered(operator, compareVersions(property, text)));
}

function listVerdict({ operator, value }: Clause, property: readonly string[]): Verdict {
  if (value.kind === "range") {
    const { range } = value;
    return heldIf(property.some((item) => isVersion(item) && isInRange(item, range)));
  }
  if (value.kind === "list") return heldIf(value.items.some((item) => property.includes(item)));
  if (!isEquality(operator)) return "unfit";
  return heldIf(property.includes(textOf(value) ?? "") === (operator !== "!="));
}

function isInRange(version: string, { from, fromIncluded, to, toIncluded }: VersionRange): boolean {
  if (from !== undefined) {
    const difference = compareVersions(version, from);
    if (difference < 0 || (difference === 0 && !fromIncluded)) return false;
  }
  if (to === undefined) return true;
  const difference = compareVersions(version, to);
  return difference < 0 || (difference === 0 && toIncluded);
}

function isEquality(operator: Clause["operator"]): boolean {
  return operator === "==" || operator === "!=" || operator === "in";
}

/** `difference`: below 0 when the property is the lower one. */
function isOrdered(operator: Clause["operator"], difference: number): boolean {
  switch (operator) {
    case "==":
    case "in":
      return difference === 0;
    case "!=":
      return difference !== 0;
    case "<":
      return difference < 0;
    case "<=":
      return difference <= 0;
    case ">":
      return difference > 0;
    case ">=":
      return difference >= 0;
    default:
      return assertNever(operator);
  }
}

function heldIf(condition: boolean): Verdict {
  return condition ? "holds" : "differs";
}
