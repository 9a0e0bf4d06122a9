/** The plans of people's changes to services, each made of the facts alone. */
import { isDeepStrictEqual } from "node:util";
import type { ServiceId } from "../../core/ids.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Compare } from "../../ports/store.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import { faultsOf, lineOfFaults, type Problem, problemOf } from "../../wire/errors.ts";
import { keys, type ServiceRecord } from "../../wire/records.ts";
import {
  type ServiceConfig,
  type serviceChangeSchema,
  serviceConfigSchema,
} from "../../wire/service-config.ts";
import { brokenPrecondition, type Precondition } from "../http/etag.ts";
import { refuse } from "../http/problem-error.ts";
import { servicesMax } from "../limits.ts";
import type { Row, ViewTables } from "../view/view-tables.ts";
import type { ChangePlan } from "./change.ts";

type ServiceChange = ReturnType<typeof serviceChangeSchema.parse>;
type ServiceRow = Row<ServiceRecord> | undefined;

/** The service's row; a problem when there is none. */
export function serviceRow(
  tables: ViewTables,
  service: ServiceId,
): Result<Row<ServiceRecord>, Problem> {
  const row = tables.services.get(service);
  return row === undefined ? refuse("not-found", `there is no service "${service}"`) : ok(row);
}

export interface PutOptions {
  readonly precondition: Precondition;
  readonly nowMs: number;
}

/** Adds the service, or replaces its configuration. Nothing is written when it is the same already. */
export function planPut(
  tables: ViewTables,
  config: ServiceConfig,
  options: PutOptions,
): Result<ChangePlan, Problem> {
  const row = tables.services.get(config.id);
  const broken = brokenPrecondition(options.precondition, `service "${config.id}"`, row?.revision);
  if (broken !== undefined) return err(broken);
  if (row === undefined && tables.services.size >= servicesMax) {
    return refuse("too-many", `there are ${servicesMax} services already`);
  }
  if (row?.value.removing === true) return beingRemoved(config.id);
  if (row !== undefined && isDeepStrictEqual(row.value.config, config)) return ok(nothing);
  const record = {
    version: 1,
    config,
    removing: false,
    addedAtMs: row?.value.addedAtMs ?? options.nowMs,
  };
  return ok({
    compare: [unchanged(config.id, row)],
    operations: [{ kind: "put", key: `${keys.services}${config.id}`, value: jsonOf(record) }],
    action: row === undefined ? "service.add" : "service.replace",
    subject: config.id,
    detail: row === undefined ? "" : changedFields(row.value.config, config),
  });
}

/** Adds a service that must not exist. */
export function planAdd(
  tables: ViewTables,
  config: ServiceConfig,
  nowMs: number,
): Result<ChangePlan, Problem> {
  if (tables.services.has(config.id)) {
    return refuse("already-exists", `service "${config.id}" exists already`);
  }
  return planPut(tables, config, { precondition: { kind: "none" }, nowMs });
}

/** Changes fields of a service; the result must be a configuration as a whole. */
export function planPatch(
  tables: ViewTables,
  service: ServiceId,
  patch: { readonly change: ServiceChange; readonly precondition: Precondition },
): Result<ChangePlan, Problem> {
  const row = serviceRow(tables, service);
  if (!row.ok) return row;
  const { config } = row.value.value;
  const merged = serviceConfigSchema.safeParse(mergedConfig(config, patch.change));
  if (!merged.success) {
    return err(problemOf("bad-input", lineOfFaults(merged.error), faultsOf(merged.error)));
  }
  return planPut(tables, merged.data, { precondition: patch.precondition, nowMs: 0 });
}

function mergedConfig(config: ServiceConfig, change: ServiceChange): Record<string, unknown> {
  const { process, ...fields } = change;
  const merged = withoutNull({ ...config, ...withoutUndefined(fields) });
  if (process === undefined) return merged;
  return { ...merged, process: withoutNull({ ...config.process, ...process }) };
}

function withoutNull(value: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null));
}

function withoutUndefined(value: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined));
}

/** Marks the service to be stopped and then forgotten. Again is the same. */
export function planRemove(
  tables: ViewTables,
  service: ServiceId,
  precondition: Precondition,
): Result<ChangePlan, Problem> {
  const row = serviceRow(tables, service);
  if (!row.ok) return row;
  const { value, revision } = row.value;
  const broken = brokenPrecondition(precondition, `service "${service}"`, revision);
  if (broken !== undefined) return err(broken);
  if (value.removing) return ok(nothing);
  return ok({
    compare: [unchanged(service, row.value)],
    operations: [
      {
        kind: "put",
        key: `${keys.services}${service}`,
        value: jsonOf({ ...value, removing: true }),
      },
    ],
    action: "service.remove",
    subject: service,
    detail: "",
  });
}

const nothing: ChangePlan = { compare: [], operations: [], action: "", subject: "", detail: "" };

function unchanged(service: ServiceId, row: ServiceRow): Compare {
  const key = `${keys.services}${service}`;
  return row === undefined
    ? { kind: "absent", key }
    : { kind: "modified-at", key, revision: row.revision };
}

function beingRemoved(service: ServiceId): Result<never, Problem> {
  return refuse("conflict", `service "${service}" is being removed; add it again once it is gone`);
}

/** Names of the fields that differ, never their values: they may hold secrets. */
function changedFields(before: ServiceConfig, after: ServiceConfig): string {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const left = new Map<string, unknown>(Object.entries(before));
  const right = new Map<string, unknown>(Object.entries(after));
  const changed = [...names].filter((name) => !isDeepStrictEqual(left.get(name), right.get(name)));
  return `changed: ${changed.sort().join(", ")}`;
}
