/** YAML files with the line of each field, so that a message can say where a fault is. */
import { readFile } from "node:fs/promises";
import { type Document, isMap, isNode, isScalar, LineCounter, parseAllDocuments } from "yaml";
import type * as z from "zod";
import { err, ok, type Result } from "../../core/result.ts";
import { faultsOfIssue } from "../../wire/errors.ts";
import { type Failure, usage } from "../failure.ts";
import type { CliIo } from "../io.ts";

/** Largest file that is read. */
const fileBytesMax = 8 * 1_024 * 1_024;

/** One document of a file. */
export interface YamlDocument {
  readonly value: unknown;
  /** Line of the field at `path`, or of the nearest one above it that is there; the first line is 1. */
  lineOf(path: readonly PropertyKey[]): number;
}

export type ReadError = "missing" | "unreadable";

/** Reads a file that a person named; `-` is standard input. */
export async function readInputFile(file: string, io: CliIo): Promise<Result<string, Failure>> {
  if (file === "-") return ok(await io.readStandardInput());
  const read = await readTextFile(file);
  if (read.ok) return read;
  return usage(`cannot read ${file}: ${read.error.message}`, "check the name and its permissions");
}

/** Reads a file as text; the error tells apart a file that is not there. */
export async function readTextFile(
  file: string,
): Promise<Result<string, { readonly kind: ReadError; readonly message: string }>> {
  try {
    const bytes = await readFile(file);
    if (bytes.length > fileBytesMax) {
      return err({ kind: "unreadable", message: `it is larger than ${fileBytesMax} bytes` });
    }
    return ok(bytes.toString("utf8"));
  } catch (error: unknown) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    const words = { ENOENT: "no such file", EACCES: "permission denied", EISDIR: "it is a folder" };
    const message = Object.entries(words).find(([known]) => known === code)?.[1] ?? code;
    return err({ kind: code === "ENOENT" ? "missing" : "unreadable", message });
  }
}

/** Takes a text apart into its documents; empty ones are left out. Broken YAML and doubled keys are usage errors. */
export function parseYamlDocuments(
  text: string,
  file: string,
): Result<readonly YamlDocument[], Failure> {
  const lines = new LineCounter();
  const documents = [...parseAllDocuments(text, { lineCounter: lines, prettyErrors: false })];
  const result: YamlDocument[] = [];
  for (const document of documents) {
    const fault = document.errors[0];
    if (fault !== undefined) {
      const line = lines.linePos(fault.pos[0]).line;
      return usage(
        `${file} line ${line}: ${fault.message}`,
        "correct the file; nothing was changed",
      );
    }
    const value = dataOf(document);
    if (!value.ok) {
      return usage(`${file}: ${value.error}`, "write out what the aliases stand for");
    }
    if (value.value === null) continue;
    result.push({ value: value.value, lineOf: (path) => lineOf(document, path, lines) });
  }
  return ok(result);
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

function lineOf(document: Document, path: readonly PropertyKey[], lines: LineCounter): number {
  const keys = path.map((key) => (typeof key === "symbol" ? String(key) : key));
  for (let length = keys.length; length > 0; length -= 1) {
    const parent: unknown = document.getIn(keys.slice(0, length - 1), true);
    const offset = offsetIn(parent ?? document.contents, keys[length - 1]);
    if (offset !== undefined) return lines.linePos(offset).line;
  }
  return lines.linePos(document.contents?.range?.[0] ?? 0).line;
}

/** Where a field begins in its map or list. */
function offsetIn(parent: unknown, key: string | number | undefined): number | undefined {
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === key);
    return isNode(pair?.key) ? pair.key.range?.[0] : undefined;
  }
  if (isNode(parent) && "get" in parent && typeof parent.get === "function") {
    const item: unknown = parent.get(key, true);
    return isNode(item) ? item.range?.[0] : undefined;
  }
  return undefined;
}

/** Every fault of a document in one line, each with its line and field; as a usage error. */
export function failOfFaults(
  file: string,
  document: YamlDocument,
  error: z.ZodError,
): { readonly ok: false; readonly error: Failure } {
  const faults = error.issues
    .flatMap(faultsOfIssue)
    .map((fault) => ({ ...fault, line: document.lineOf(fault.path) }))
    .sort((left, right) => left.line - right.line)
    .map(({ line, path, message }) => {
      const field = path.map(String).join(".");
      return `line ${line}: ${field === "" ? "" : `${field}: `}${message}`;
    });
  const shown = faults.slice(0, 5);
  const more = faults.length > shown.length ? `; and ${faults.length - shown.length} more` : "";
  return usage(`${file} ${shown.join("; ")}${more}`, "correct the file; nothing was changed");
}
