/**
 * Reads constraints such as `cores >= 4 AND (zone in "a,b" OR NOT agentVersion in [1.0.0,2.0.0))`.
 *
 * A clause is a property's name, one of `== = != < <= > >= in`, and a value (see `readValue`). Clauses are combined
 * with NOT, AND and OR (in any case, or `!`, `&&`, `||`), which bind in this order, and with parentheses.
 */
import { assert } from "../assert.ts";
import { err, ok, type Result } from "../result.ts";
import {
  type Clause,
  type Constraint,
  type ConstraintFault,
  type Operator,
  operators,
} from "./constraint.ts";
import { type Cursor, createCursor, faultAt, refuse, skipBlanks, take } from "./cursor.ts";
import { readValue } from "./parse-value.ts";

/** Longest constraint, in characters. */
const lengthMax = 4_000;
/** Levels of parentheses and NOT; more are no constraint that a person means. */
const nestingMax = 50;

const notPattern = /not(?![\w.-])|!(?!=)/iy;
const andPattern = /and(?![\w.-])|&&/iy;
const orPattern = /or(?![\w.-])|\|\|/iy;
const keywordPattern = /(?:and|or|not)(?![\w.-])/iy;
const propertyPattern = /[A-Za-z_][\w.-]*/y;
const operatorPattern = /[=!<>]=|[=<>]|in(?![\w.-])/iy;

/** The constraint that the text says, or the first place where it says none. Blank text says none. */
export function parseConstraint(text: string): Result<Constraint, ConstraintFault> {
  if (text.length > lengthMax) {
    const limit = `the end, as a constraint has ${lengthMax} characters at most`;
    return err(faultAt(lengthMax, limit, `${text.length} characters`));
  }
  const cursor = createCursor(text);
  const constraint = readAlternatives(cursor, 0);
  if (constraint !== undefined && cursor.at === text.length) return ok(constraint);
  refuse(cursor, `AND, OR or the end${hintFor(cursor)}`);
  assert(cursor.fault !== undefined, "a text that is no constraint has a fault");
  return err(cursor.fault);
}

function hintFor(cursor: Cursor): string {
  return cursor.text[cursor.at] === "," ? ' (a list is written in quotes: in "a,b")' : "";
}

function readAlternatives(cursor: Cursor, depth: number): Constraint | undefined {
  return readChain(cursor, "or", () => readChain(cursor, "and", () => readOperand(cursor, depth)));
}

/** One part or more; one alone is itself. */
function readChain(
  cursor: Cursor,
  kind: "and" | "or",
  readPart: () => Constraint | undefined,
): Constraint | undefined {
  const first = readPart();
  if (first === undefined) return undefined;
  const parts: [Constraint, ...Constraint[]] = [first];
  while (take(cursor, kind === "and" ? andPattern : orPattern) !== undefined) {
    const part = readPart();
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return parts.length === 1 ? first : { kind, parts };
}

/** Ends before the next character that is not blank. */
function readOperand(cursor: Cursor, depth: number): Constraint | undefined {
  skipBlanks(cursor);
  if (depth > nestingMax) {
    return refuse(cursor, `at most ${nestingMax} levels of parentheses and NOT`);
  }
  if (take(cursor, notPattern) !== undefined) {
    const part = readOperand(cursor, depth + 1);
    return part === undefined ? undefined : { kind: "not", part };
  }
  if (take(cursor, /\(/y) === undefined) return readClause(cursor);
  const inner = readAlternatives(cursor, depth + 1);
  if (inner === undefined) return undefined;
  if (take(cursor, /\)/y) === undefined) {
    return refuse(cursor, `AND, OR or ")"${hintFor(cursor)}`);
  }
  skipBlanks(cursor);
  return inner;
}

function readClause(cursor: Cursor): Clause | undefined {
  const position = cursor.at;
  const property = readProperty(cursor);
  if (property === undefined) return refuse(cursor, 'the name of a property, NOT or "("');
  skipBlanks(cursor);
  const written = take(cursor, operatorPattern);
  const operator = operatorOf(written);
  if (written === undefined || operator === undefined) {
    return refuse(cursor, `one of ${operators.join(" ")}`);
  }
  skipBlanks(cursor);
  const from = cursor.at;
  if (take(cursor, keywordPattern) !== undefined) {
    cursor.at = from;
    return refuse(cursor, "a value");
  }
  const value = readValue(cursor, operator);
  if (value === undefined) return undefined;
  const text = `${property} ${written} ${cursor.text.slice(from, cursor.at)}`;
  skipBlanks(cursor);
  return { kind: "clause", property, operator, value, text, position };
}

function readProperty(cursor: Cursor): string | undefined {
  const from = cursor.at;
  if (take(cursor, keywordPattern) === undefined) return take(cursor, propertyPattern);
  cursor.at = from;
  return undefined;
}

function operatorOf(written: string | undefined): Operator | undefined {
  const operator = written === "=" ? "==" : written?.toLowerCase();
  return operators.find((known) => known === operator);
}
