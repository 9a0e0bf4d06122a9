/**
 * Reads the right side of a clause.
 *
 * A value is bare (`amd64`, `4`, `true`, `1.2.3-rc.1`) or a text in quotes of either kind, in which `\` goes before a
 * quote or another `\`. After `in` stands a list, either as one text with commas (`"a,b"`, blanks around items do not
 * count) or in brackets (`[a, "b,c"]`), or a range of versions, in quotes or not (`[1.0.0,2.0.0)`, `(1.0,INFINITY)`);
 * `[2,8]` is a range, `[2,4,8]` and `["2","8"]` are lists. A bare version of three numbers after `in` means that one
 * and all later ones. A range may stand after `==` as well.
 */
import { compareVersions, isVersion } from "../versions.ts";
import type { ClauseValue, Operator, VersionRange } from "./constraint.ts";
import {
  barePattern,
  type Cursor,
  createCursor,
  peek,
  refuse,
  skipBlanks,
  take,
} from "./cursor.ts";
import { numberIn } from "./literals.ts";

const quotePattern = /["']/y;
const endPattern = /[^\s,()[\]{}"']*/y;
/** What looks like a range from outside. */
const rangePattern = /[[(]\s*(?:([^\s,()[\]{}"']+)\s*)?,\s*(?:([^\s,()[\]{}"']+)\s*)?([\])])/y;

/** The value here, as it goes with the operator; undefined: there is none, and the cursor has the fault. */
export function readValue(cursor: Cursor, operator: Operator): ClauseValue | undefined {
  if (peek(cursor, /[[(]/y) !== undefined) return readBracketed(cursor, operator);
  if (peek(cursor, quotePattern) !== undefined) return readQuotedValue(cursor, operator);
  const text = take(cursor, barePattern);
  if (text === undefined) {
    return refuse(cursor, operator === "in" ? "a list or a range of versions" : "a value");
  }
  if (operator === "in") return valueAfterIn(text);
  if (text === "true" || text === "false") return { kind: "boolean", boolean: text === "true" };
  const number = numberIn(text);
  return number === undefined ? { kind: "text", text } : { kind: "number", number, text };
}

function valueAfterIn(text: string): ClauseValue {
  if (!isVersion(text) || numberIn(text) !== undefined) return { kind: "list", items: [text] };
  const range = { from: text, fromIncluded: true, to: undefined, toIncluded: false };
  return { kind: "range", range };
}

function readQuotedValue(cursor: Cursor, operator: Operator): ClauseValue | undefined {
  const start = cursor.at;
  const text = readQuoted(cursor);
  if (text === undefined) return undefined;
  if (operator !== "in") return { kind: "text", text };
  if (/^\s*[[(].*[\])]\s*$/s.test(text)) return readRangeInText({ cursor, start, text });
  const items = text.split(",").map((item) => item.trim());
  if (!items.includes("")) return { kind: "list", items };
  cursor.at = start;
  return refuse(cursor, "a list without empty items");
}

function readRangeInText(input: {
  readonly cursor: Cursor;
  readonly start: number;
  readonly text: string;
}): ClauseValue | undefined {
  const { cursor, start, text } = input;
  const inner = createCursor(text);
  skipBlanks(inner);
  const range = readRange(inner);
  skipBlanks(inner);
  if (range !== undefined && inner.at === text.length) return { kind: "range", range };
  cursor.at = start;
  return refuse(cursor, "a list, or a range such as [1.0.0,2.0.0)");
}

function readQuoted(cursor: Cursor): string | undefined {
  const start = cursor.at;
  const quote = take(cursor, quotePattern);
  const body = quote === '"' ? /(?:[^"\\]|\\.)*/sy : /(?:[^'\\]|\\.)*/sy;
  const written = take(cursor, body) ?? "";
  if (take(cursor, quotePattern) === quote) return written.replaceAll(/\\(["'\\])/g, "$1");
  cursor.at = cursor.text.length;
  return refuse(cursor, `the ${quote} that ends the text from character ${start + 1}`);
}

function readBracketed(cursor: Cursor, operator: Operator): ClauseValue | undefined {
  const isRange = looksLikeRange(cursor);
  const word = isRange ? "a range" : "a list";
  const fits = operator === "in" || (isRange && operator === "==");
  if (!fits) {
    const others = isRange ? '"in" and "=="' : '"in"';
    return refuse(cursor, `one value after "${operator}" (${word} goes with ${others})`);
  }
  if (!isRange) return readList(cursor);
  const range = readRange(cursor);
  return range === undefined ? undefined : { kind: "range", range };
}

/** A round bracket makes it a range; with square ones it is one when its ends can be versions. */
function looksLikeRange(cursor: Cursor): boolean {
  if (peek(cursor, /\(/y) !== undefined) return true;
  rangePattern.lastIndex = cursor.at;
  const match = rangePattern.exec(cursor.text);
  if (match === null) return false;
  const [, from = "", to = "", close] = match;
  return close === ")" || ((from === "" || isVersion(from)) && isUpperEnd(to) && from + to !== "");
}

function isUpperEnd(text: string): boolean {
  return text === "" || isInfinity(text) || isVersion(text);
}

function isInfinity(text: string): boolean {
  return text.toUpperCase() === "INFINITY";
}

/** `[` or `(`, an end, a comma, an end, `]` or `)`. */
function readRange(cursor: Cursor): VersionRange | undefined {
  const open = take(cursor, /[[(]/y);
  const from = readEnd(cursor, "lower");
  if (from === undefined) return undefined;
  if (take(cursor, /,/y) === undefined) return refuse(cursor, `"," and the end of the range`);
  skipBlanks(cursor);
  const toAt = cursor.at;
  const to = readEnd(cursor, "upper");
  if (to === undefined) return undefined;
  const close = take(cursor, /[\])]/y);
  if (close === undefined) return refuse(cursor, '"]" or ")"');
  const range = {
    from: from.version,
    fromIncluded: from.version !== undefined && open === "[",
    to: to.version,
    toIncluded: to.version !== undefined && close === "]",
  };
  if (!isEmpty(range)) return range;
  cursor.at = toAt;
  return refuse(cursor, `a version above ${range.from ?? "0"}`);
}

/** Blanks around it are skipped; `version` is undefined where the range is open. */
function readEnd(
  cursor: Cursor,
  side: "lower" | "upper",
): { readonly version: string | undefined } | undefined {
  skipBlanks(cursor);
  const text = peek(cursor, endPattern) ?? "";
  const isOpen = text === "" || (side === "upper" && isInfinity(text));
  if (!isOpen && !isVersion(text)) {
    return refuse(cursor, side === "upper" ? "a version or INFINITY" : "a version");
  }
  cursor.at += text.length;
  skipBlanks(cursor);
  return { version: isOpen ? undefined : text };
}

function isEmpty({ from, to, fromIncluded, toIncluded }: VersionRange): boolean {
  if (from === undefined || to === undefined) return false;
  const difference = compareVersions(from, to);
  return difference > 0 || (difference === 0 && !(fromIncluded && toIncluded));
}

function readList(cursor: Cursor): ClauseValue | undefined {
  take(cursor, /\[/y);
  const items: string[] = [];
  do {
    skipBlanks(cursor);
    const isQuoted = peek(cursor, quotePattern) !== undefined;
    const item = isQuoted ? readQuoted(cursor) : take(cursor, barePattern);
    if (item === undefined) return refuse(cursor, "an item of the list");
    items.push(item);
    skipBlanks(cursor);
  } while (take(cursor, /,/y) !== undefined);
  if (take(cursor, /\]/y) === undefined) return refuse(cursor, '"," or "]"');
  return { kind: "list", items };
}
