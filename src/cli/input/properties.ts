/** Properties of a node as flags: `name=value`, where the value is read as it looks. */
import { ok, type Result } from "../../core/result.ts";
import { type Failure, usage } from "../failure.ts";

type Scalar = string | number | boolean;
export type NodeProperties = Record<string, Scalar>;

/** Adds the flags to those that a file gave; a flag goes before. */
export function parseProperties(
  lines: readonly string[],
  fromFile: Readonly<NodeProperties>,
): Result<NodeProperties, Failure> {
  return parseLines(lines, fromFile, scalarOf);
}

/** As above, for what people set: it can be a list of texts, too. */
export function parseSetProperties(
  lines: readonly string[],
): Result<Record<string, Scalar | string[]>, Failure> {
  return parseLines<Scalar | string[]>(lines, {}, (text) => listIn(text) ?? scalarOf(text));
}

function parseLines<T>(
  lines: readonly string[],
  before: Readonly<Record<string, T>>,
  read: (text: string) => T,
): Result<Record<string, T>, Failure> {
  const properties: Record<string, T> = { ...before };
  for (const line of lines) {
    const equals = line.indexOf("=");
    if (equals < 1) return usage(`--property: "${line}" has no name and "="`, "write NAME=VALUE");
    properties[line.slice(0, equals)] = read(line.slice(equals + 1));
  }
  return ok(properties);
}

/** `true`, `false` and numbers are what they look like; quotes make a text of anything. */
function scalarOf(text: string): Scalar {
  if (text === "true" || text === "false") return text === "true";
  const isNumber = /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?$/.test(text);
  return isNumber ? Number(text) : unquoted(text);
}

function unquoted(text: string): string {
  return /^(["']).*\1$/s.test(text) && text.length > 1 ? text.slice(1, -1) : text;
}

/** `[a, b]`; undefined: it is no list. */
function listIn(text: string): string[] | undefined {
  const inside = /^\[(.*)\]$/s.exec(text)?.[1];
  if (inside === undefined) return undefined;
  const items = inside.split(",").map((item) => unquoted(item.trim()));
  return items.length === 1 && items[0] === "" ? [] : items;
}
