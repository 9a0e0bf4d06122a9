/** The dumb second implementation of what a constraint means: by cases of the words, with numbers for versions. */
import type {
  ClauseValue,
  Properties,
  PropertyValue,
} from "../../../src/core/constraints/constraint.ts";
import type { Tree, TreeClause } from "./samples.ts";

/** Whether the tree holds for the properties. */
export function naiveHolds(tree: Tree, properties: Properties): boolean {
  if (tree.kind === "not") return !naiveHolds(tree.part, properties);
  if (tree.kind !== "clause") {
    const verdicts = tree.parts.map((part) => naiveHolds(part, properties));
    return tree.kind === "and" ? !verdicts.includes(false) : verdicts.includes(true);
  }
  const found = new Map(Object.entries(properties)).get(tree.property);
  if (found === undefined) return false;
  if (tree.value.kind === "range") {
    const { value } = tree;
    return [found].flat().some((one) => isWithin(one, value));
  }
  if (tree.operator === "in") {
    const items = tree.value.kind === "list" ? tree.value.items : [];
    return [found].flat().some((one) => items.some((item) => isSame(one, item)));
  }
  if (tree.operator === "==") return [found].flat().some((one) => isSame(one, textOf(tree.value)));
  if (tree.operator === "!=") {
    // Of values that cannot be compared neither holds.
    const isComparable = typeof found === "object" || canBeSame(found, textOf(tree.value));
    return isComparable && !naiveHolds({ ...tree, operator: "==" }, properties);
  }
  return isOrdered(tree, found);
}

function isOrdered(tree: TreeClause, found: PropertyValue): boolean {
  const text = textOf(tree.value);
  const [left, right] =
    typeof found === "number" ? [found, numberOf(text)] : [scaleOf(String(found)), scaleOf(text)];
  if (typeof found === "object" || left === undefined || right === undefined) return false;
  const order = left < right ? "<" : left > right ? ">" : "=";
  return tree.operator.includes(order);
}

function textOf(value: ClauseValue): string {
  if (value.kind === "boolean") return value.boolean ? "true" : "false";
  return value.kind === "text" || value.kind === "number" ? value.text : "";
}

function canBeSame(one: string | number | boolean, text: string): boolean {
  if (typeof one === "number") return numberOf(text) !== undefined;
  return typeof one === "string" || ["true", "false"].includes(text.toLowerCase());
}

function isSame(one: string | number | boolean, text: string): boolean {
  if (typeof one === "number") return numberOf(text) === one;
  return typeof one === "string" ? one === text : String(one) === text.toLowerCase();
}

function numberOf(text: string): number | undefined {
  return text.trim() === "" || Number.isNaN(Number(text)) ? undefined : Number(text);
}

/** A version as one number; release candidates are a little below. */
function scaleOf(text: string): number | undefined {
  const match = /^(\d{1,9})(?:\.(\d+))?(?:\.(\d+))?(-rc\.\d)?$/.exec(text);
  if (match === null || text.length > 20) return undefined;
  const [, major = 0, minor = 0, patch = 0, candidate] = match;
  return Number(major) * 1e6 + Number(minor) * 1e3 + Number(patch) - (candidate ? 0.5 : 0);
}

function isWithin(
  one: string | number | boolean,
  { range }: Extract<ClauseValue, { kind: "range" }>,
): boolean {
  if (typeof one === "boolean") return false;
  const scale = typeof one === "number" ? numberOf : scaleOf;
  const at = typeof one === "number" ? one : scaleOf(one);
  const from = range.from === undefined ? Number.NEGATIVE_INFINITY : scale(range.from);
  const to = range.to === undefined ? Number.POSITIVE_INFINITY : scale(range.to);
  if (at === undefined || from === undefined || to === undefined) return false;
  const isAbove = range.fromIncluded ? at >= from : at > from;
  return isAbove && (range.toIncluded ? at <= to : at < to);
}
