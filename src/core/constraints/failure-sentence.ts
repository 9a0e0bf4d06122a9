/** Says why a constraint does not hold: the part that fails, and what was found instead. */
import type { Clause, PropertyValue } from "./constraint.ts";
import type { Failure, Finding } from "./evaluate.ts";
import { formatConstraint } from "./format.ts";
import { verdictOf } from "./verdict.ts";

/** More properties, or items of a list, are counted only. */
const shownMax = 5;
/** Longer values are cut, in characters. */
const valueLengthMax = 60;
/** Longer parts of constraints are cut, in characters. */
const partLengthMax = 300;

/** `cores >= 4 does not hold: the node has cores = 2`; `subject`: whose properties they are. */
export function failureSentence(failure: Failure, subject: string): string {
  return `${failingPart(failure)} does not hold: ${findingSentence(failure, subject)}`;
}

/** The part that fails, as it was written. */
export function failingPart({ part }: Failure): string {
  return cut(formatConstraint(part), partLengthMax);
}

/** The second half of the sentence: `the node has cores = 2`. */
export function findingSentence({ part, found }: Failure, subject: string): string {
  const shown = found.slice(0, shownMax).map(wordsOf);
  if (found.length > shownMax) shown.push(`${found.length - shownMax} more properties`);
  const value = found[0]?.value;
  const isUnfit =
    part.kind === "clause" && value !== undefined && verdictOf(part, value) === "unfit";
  return `${subject} has ${enumerate(shown)}${isUnfit ? misfitWords(part, value) : ""}`;
}

function wordsOf({ property, value }: Finding): string {
  if (value === undefined) return `no property "${property}"`;
  return `${property} = ${valueWords(value)}`;
}

function valueWords(value: PropertyValue): string {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value === "string") return JSON.stringify(cut(value, valueLengthMax));
  const shown = value.slice(0, shownMax).map((item) => JSON.stringify(cut(item, valueLengthMax)));
  if (value.length > shownMax) shown.push(`${value.length - shownMax} more`);
  return `[${shown.join(", ")}]`;
}

function misfitWords({ operator, value }: Clause, property: PropertyValue): string {
  if (value.kind === "range") {
    return typeof property === "string"
      ? ", which is no version"
      : ", which is in no range of versions";
  }
  if (typeof property === "string" || (typeof property !== "number" && isOrder(operator))) {
    return `, and "${operator}" compares numbers with numbers and versions with versions`;
  }
  return typeof property === "number"
    ? ", a number, which is compared with numbers only"
    : ", which is compared with true and false only";
}

function isOrder(operator: Clause["operator"]): boolean {
  return operator !== "==" && operator !== "!=" && operator !== "in";
}

function enumerate(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} and ${last}`;
}

function cut(text: string, lengthMax: number): string {
  return text.length > lengthMax ? `${text.slice(0, lengthMax)}...` : text;
}
