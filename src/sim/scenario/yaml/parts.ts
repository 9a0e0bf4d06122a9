/** Reading one part of a scenario after the other, so that all faults of a file are told at once. */
import type * as z from "zod";
import { faultsOfIssue } from "../../../wire/errors.ts";
import type { Path } from "./document.ts";

export interface Fault {
  readonly path: Path;
  readonly message: string;
}

/** Collects what is wrong. */
export class Faults {
  readonly all: Fault[] = [];

  add(path: Path, message: string): void {
    this.all.push({ path, message });
  }
}

/** Reads the value at `path`; undefined: its faults were collected. */
export function readPart<T>(
  schema: z.ZodType<T>,
  value: unknown,
  path: Path,
  faults: Faults,
): T | undefined {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  for (const fault of parsed.error.issues.flatMap(faultsOfIssue)) {
    const isMissing = fault.message.startsWith("is missing");
    faults.add([...path, ...fault.path], isMissing ? "it is missing" : fault.message);
  }
  return undefined;
}

/** An entry of a map, or an item of a list that names itself. */
export interface NamedPart {
  readonly name: string;
  /** Without the name. */
  readonly value: unknown;
  readonly path: Path;
}

/** The entries of a map, or the items of a list, each with its name in `nameField` or nothing but a name. */
export function namedParts(
  value: unknown,
  options: { readonly path: Path; readonly nameField: string; readonly countMax: number },
  faults: Faults,
): readonly NamedPart[] {
  const { path, nameField, countMax } = options;
  const parts = partsOf(value ?? {}, options, faults);
  if (parts.length > countMax) faults.add(path, `there are more than ${countMax}`);
  const seen = new Set<string>();
  for (const part of parts) {
    if (seen.has(part.name)) faults.add(part.path, `${nameField} "${part.name}" is there twice`);
    seen.add(part.name);
  }
  return parts;
}

function partsOf(
  value: unknown,
  { path, nameField }: { readonly path: Path; readonly nameField: string },
  faults: Faults,
): readonly NamedPart[] {
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown, index) => {
      const part = itemOf(item, nameField);
      if (part !== undefined) return [{ ...part, path: [...path, index] }];
      faults.add([...path, index], `write a name, or a map with "${nameField}"`);
      return [];
    });
  }
  if (typeof value !== "object" || value === null) {
    faults.add(path, "write a map from names, or a list");
    return [];
  }
  return Object.entries(value).map(([name, entry]) => ({
    name,
    value: entry ?? {},
    path: [...path, name],
  }));
}

function itemOf(item: unknown, nameField: string): Omit<NamedPart, "path"> | undefined {
  if (typeof item === "string" || typeof item === "number")
    return { name: String(item), value: {} };
  if (typeof item !== "object" || item === null) return undefined;
  const { [nameField]: name, ...value } = Object.fromEntries(Object.entries(item));
  if (typeof name !== "string" && typeof name !== "number") return undefined;
  return { name: String(name), value };
}
