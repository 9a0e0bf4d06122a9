/**
 * A place in the text of a constraint, and what does not fit there. Readers move it forwards; the first one that
 * finds something else than it expects leaves a fault, returns undefined, and all readers above it do the same.
 */
import type { ConstraintFault } from "./constraint.ts";

/** Moved by the readers; nobody reads on once `fault` is there. */
export interface Cursor {
  readonly text: string;
  at: number;
  fault: ConstraintFault | undefined;
}

/** What stands unquoted for a value: all that means nothing else. */
export const barePattern: RegExp = /[^\s()[\]{}"'`,;&|!<>=\\]+/y;

/** Longest piece of the text that a fault repeats, in characters. */
const foundLengthMax = 30;

/** A cursor at the beginning of the text. */
export function createCursor(text: string): Cursor {
  return { text, at: 0, fault: undefined };
}

/** Goes to the next character that is not blank. */
export function skipBlanks(cursor: Cursor): void {
  take(cursor, /\s+/y);
}

/** Takes what the pattern, a sticky one, matches here and goes behind it; undefined: it does not match. */
export function take(cursor: Cursor, pattern: RegExp): string | undefined {
  const match = peek(cursor, pattern);
  if (match !== undefined) cursor.at += match.length;
  return match;
}

/** What the pattern, a sticky one, matches here, without going there. */
export function peek(cursor: Cursor, pattern: RegExp): string | undefined {
  pattern.lastIndex = cursor.at;
  return pattern.exec(cursor.text)?.[0];
}

/** Leaves the fault that `expected` was to stand here. */
export function refuse(cursor: Cursor, expected: string): undefined {
  cursor.fault ??= faultAt(cursor.at, expected, foundAt(cursor));
  return undefined;
}

/** A fault at an offset (from 0), which a person reads as the number of a character (from 1). */
export function faultAt(position: number, expected: string, found: string): ConstraintFault {
  return {
    position,
    message: `at character ${position + 1}: expected ${expected}, found ${found}`,
  };
}

function foundAt(cursor: Cursor): string {
  const first = cursor.text.codePointAt(cursor.at);
  if (first === undefined) return "the end";
  const found = peek(cursor, barePattern) ?? String.fromCodePoint(first);
  if (found.length > foundLengthMax) return `"${found.slice(0, foundLengthMax)}..."`;
  return found === '"' ? `'"'` : `"${found}"`;
}
