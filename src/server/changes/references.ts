/** Names that a change mentions must be known: a slip of the pen is refused, what vanished later is not. */
import type { NodeId, ServiceId } from "../../core/ids.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { type Problem, problemOf } from "../../wire/errors.ts";
import type { ViewTables } from "../view/view-tables.ts";

/** One name at its place in the body. */
export interface Reference<T extends string> {
  readonly path: string;
  readonly name: T;
}

/** The list's entries with their places. */
export function referencesIn<T extends string>(
  path: string,
  names: readonly T[],
  field?: string,
): Reference<T>[] {
  const suffix = field === undefined ? "" : `.${field}`;
  return names.map((name, index) => ({ path: `${path}.${index}${suffix}`, name }));
}

export interface References {
  readonly nodes?: readonly Reference<NodeId>[];
  readonly services?: readonly Reference<ServiceId>[];
  readonly groups?: readonly Reference<string>[];
}

/** Bad input if a name is new in this change and nothing has it. `before`: what was named already. */
export function checkReferences(
  tables: ViewTables,
  references: References,
  before: ReadonlySet<string>,
): Result<void, Problem> {
  const faults = [
    ...unknown("node", references.nodes ?? [], tables.nodes),
    ...unknown("service", references.services ?? [], tables.services),
    ...unknown("group", references.groups ?? [], tables.groups),
  ].filter(({ name }) => !before.has(name));
  if (faults.length === 0) return ok(undefined);
  const line = faults.map(({ path, message }) => `${path}: ${message}`).join("; ");
  const listed = faults.map(({ path, message }) => ({ path, message }));
  return err(problemOf("bad-input", line, listed));
}

interface UnknownName {
  readonly path: string;
  readonly name: string;
  readonly message: string;
}

function unknown<T extends string>(
  what: string,
  references: readonly Reference<T>[],
  known: { has(name: T): boolean },
): UnknownName[] {
  return references
    .filter(({ name }) => !known.has(name))
    .map(({ path, name }) => ({ path, name, message: `there is no ${what} "${name}"` }));
}
