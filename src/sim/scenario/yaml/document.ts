/** The text of a scenario as data, with line and column of every field, so that a fault can be found. */
import {
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
} from "yaml";
import { err, ok, type Result } from "../../../core/result.ts";

/** A path of field names and positions in lists. */
export type Path = readonly PropertyKey[];

export interface ScenarioDocument {
  readonly data: unknown;
  /** Where the field at `path` begins, or the nearest one above it that is there; both count from 1. */
  placeOf(path: Path): Place;
}

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Reads the text; the error is where and why it is no YAML. */
export function readDocument(
  text: string,
): Result<ScenarioDocument, { readonly place: Place; readonly message: string }> {
  const lines = new LineCounter();
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  const [document, second] = [...documents];
  if (document === undefined) {
    return err({ place: placeAt(0), message: "the file is empty: write at least nodes and steps" });
  }
  const [fault] = document.errors;
  if (fault !== undefined) return err({ place: placeAt(fault.pos[0]), message: fault.message });
  if (second !== undefined) {
    const at = placeAt(second.range[0]);
    return err({ place: at, message: "a second document begins here: write one scenario a file" });
  }
  const data = dataOf(document);
  if (!data.ok) return err({ place: placeAt(0), message: data.error });
  return ok({ data: data.value, placeOf: (path) => placeAt(offsetOf(document, path)) });
}

/** Aliases that stand for far too much, or for nothing, show only when they are put in. */
function dataOf(document: Document.Parsed): Result<unknown, string> {
  try {
    const value: unknown = document.toJS();
    return ok(value);
  } catch (error: unknown) {
    if (error instanceof ReferenceError) return err(error.message);
    throw error;
  }
}

/** Where the deepest part of the path that is there begins. */
function offsetOf(document: Document.Parsed, path: Path): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const key of path) {
    const found = childOf(node, key);
    if (found === undefined) break;
    offset = found.offset ?? offset;
    node = found.node;
  }
  return offset;
}

interface Child {
  readonly node: unknown;
  readonly offset: number | undefined;
}

/** The field or item of that name or position. */
function childOf(parent: unknown, key: PropertyKey): Child | undefined {
  if (isSeq(parent)) {
    const item: unknown = parent.items[Number(key)];
    return item === undefined ? undefined : { node: item, offset: startOf(item) };
  }
  if (!isMap(parent)) return undefined;
  const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
  return pair === undefined ? undefined : { node: pair.value, offset: startOf(pair.key) };
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
