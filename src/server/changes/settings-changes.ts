/** The plans of changes to the cluster's settings. They are always there; revision 0: nobody has changed them yet. */
import { isDeepStrictEqual } from "node:util";
import { err, ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import { faultsOf, lineOfFaults, type Problem, problemOf } from "../../wire/errors.ts";
import { keys } from "../../wire/records.ts";
import { type Settings, type SettingsChange, settingsSchema } from "../../wire/settings.ts";
import { brokenPrecondition, type Precondition } from "../http/etag.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { type ChangePlan, nothingToDo, unchanged } from "./change.ts";

/** Replaces the settings. */
export function planSettings(
  tables: ViewTables,
  settings: Settings,
  precondition: Precondition,
): Result<ChangePlan, Problem> {
  const { value, revision } = tables.settings;
  const broken = brokenPrecondition(precondition, "the settings", revision);
  if (broken !== undefined) return err(broken);
  if (revision > 0 && isDeepStrictEqual(value, settings)) return ok(nothingToDo);
  const key = keys.settings;
  return ok({
    compare: [unchanged(key, tables.settings)],
    operations: [{ kind: "put", key, value: jsonOf({ version: 1, settings }) }],
    action: "settings.change",
    subject: key,
    detail: JSON.stringify(settings),
  });
}

/** Changes fields; what has fields of its own is merged, null sets a field back to its default. */
export function planSettingsChange(
  tables: ViewTables,
  change: SettingsChange,
  precondition: Precondition,
): Result<ChangePlan, Problem> {
  const merged = settingsSchema.safeParse(merge(tables.settings.value, change));
  if (merged.success) return planSettings(tables, merged.data, precondition);
  return err(problemOf("bad-input", lineOfFaults(merged.error), faultsOf(merged.error)));
}

function merge(settings: Settings, change: SettingsChange): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...settings };
  for (const [name, value] of Object.entries(change)) {
    const before = merged[name];
    if (value === null) delete merged[name];
    else merged[name] = hasFields(before) && hasFields(value) ? { ...before, ...value } : value;
  }
  return merged;
}

function hasFields(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
