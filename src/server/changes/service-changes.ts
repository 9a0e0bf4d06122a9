/** The plans of people's changes to services, each made of the facts alone. */
import { isDeepStrictEqual } from "node:util";
import { nodeOfInstance, type ServiceId } from "../../core/ids.ts";
import { err, ok, type Result } from "../../core/result.ts";
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
import { isDisarmed } from "../view/arming.ts";
import { deploymentOfInstance } from "../view/fleet/why-instance.ts";
import type { Row } from "../view/table-slots.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { checkRoom } from "./admission.ts";
import { type ChangePlan, nothingToDo, unchanged, withRelations } from "./change.ts";
import { checkReferences, referencesIn } from "./references.ts";
import { checkRules, ruleFactsOf, ruleNameOfGroup, withEntry } from "./rulebook.ts";
import { findCycle } from "./service-order.ts";

type ServiceChange = ReturnType<typeof serviceChangeSchema.parse>;

/** The service's row; a problem when there is none. */
export function serviceRow(
  tables: ViewTables,
  service: ServiceId,
): Result<Row<ServiceRecord>, Problem> {
  const row = tables.services.get(service);
  return row === undefined ? refuse("not-found", `there is no service "${service}"`) : ok(row);
}

/** Only the manager writes what is an instance of a deployment; the problem of a person who would. */
export function refuseInstance(service: ServiceId): Result<void, Problem> {
  const deployment = deploymentOfInstance(service);
  if (deployment === undefined) return ok(undefined);
  return refuse("refused", `"${service}" belongs to deployment "${deployment}": change that`);
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
  const refused = refuseInstance(config.id);
  if (!refused.ok) return refused;
  const row = tables.services.get(config.id);
  const broken = brokenPrecondition(options.precondition, `service "${config.id}"`, row?.revision);
  if (broken !== undefined) return err(broken);
  if (row === undefined && isFull(tables)) {
    return refuse("too-many", `there are ${servicesMax} services already`);
  }
  if (row?.value.removing === true) return beingRemoved(config.id);
  if (row !== undefined && isDeepStrictEqual(row.value.config, config)) return ok(nothingToDo);
  if (row === undefined && isDisarmed(tables)) return whileDisarmed("added");
  const fits = checkFit(tables, config, row?.value.config);
  if (!fits.ok) return fits;
  const key = `${keys.services}${config.id}`;
  const record = {
    version: 1,
    config,
    removing: false,
    addedAtMs: row?.value.addedAtMs ?? options.nowMs,
  };
  const plan: ChangePlan = {
    compare: [unchanged(key, row)],
    operations: [{ kind: "put", key, value: jsonOf(record) }],
    action: row === undefined ? "service.add" : "service.replace",
    subject: config.id,
    detail: row === undefined ? "" : changedFields(row.value.config, config),
    warnings: fits.value,
  };
  return ok(restsOnOthers(tables, config) ? withRelations(tables, plan) : plan);
}

/** Instances of deployments do not count: nobody adds them one by one. */
function isFull(tables: ViewTables): boolean {
  if (tables.services.size < servicesMax) return false;
  const own = [...tables.services.keys()].filter((id) => nodeOfInstance(id) === undefined);
  return own.length >= servicesMax;
}

/** Whether the checks have looked at anything but the configuration itself. */
function restsOnOthers(tables: ViewTables, config: ServiceConfig): boolean {
  const { after, requires, group, limits } = config;
  const isAdmitted = limits !== undefined && tables.settings.value.admission != null;
  return after.length + requires.length > 0 || group !== undefined || isAdmitted;
}

/** Whether the configuration fits to all others; the value: what the person should know of it all the same. */
function checkFit(
  tables: ViewTables,
  config: ServiceConfig,
  before: ServiceConfig | undefined,
): Result<readonly string[], Problem> {
  const known = checkReferences(tables, referencesOf(config), namesIn(before));
  if (!known.ok) return known;
  const order = checkOrder(tables, config);
  if (!order.ok) return order;
  if (config.group !== undefined && config.group !== before?.group) {
    const facts = ruleFactsOf(tables);
    const services = withEntry(facts.services, config.id, config.group);
    const rules = checkRules(facts, { ...facts, services }, ruleNameOfGroup(config.group));
    if (!rules.ok) return rules;
  }
  return checkRoom(tables, config);
}

function referencesOf(config: ServiceConfig): Parameters<typeof checkReferences>[1] {
  return {
    groups: config.group === undefined ? [] : [{ path: "group", name: config.group }],
    // Itself it may well name: that is a cycle, and told as one.
    services: [
      ...referencesIn("after", config.after),
      ...referencesIn("requires", config.requires),
    ].filter(({ name }) => name !== config.id),
  };
}

function namesIn(config: ServiceConfig | undefined): ReadonlySet<string> {
  if (config === undefined) return new Set();
  const groups = config.group === undefined ? [] : [config.group];
  return new Set<string>([...config.after, ...config.requires, ...groups]);
}

function checkOrder(tables: ViewTables, config: ServiceConfig): Result<void, Problem> {
  const cycle = findCycle(config.id, (id) => {
    const of = id === config.id ? config : tables.services.get(id)?.value.config;
    return of === undefined ? [] : [...of.after, ...of.requires];
  });
  if (cycle === undefined) return ok(undefined);
  const [first, ...others] = cycle;
  const message = `${first} would wait for itself: ${[first, ...others].join(" waits for ")}`;
  const path = config.after.some((id) => id === cycle[1]) ? "after" : "requires";
  return err(problemOf("bad-input", `${path}: ${message}`, [{ path, message }]));
}

function whileDisarmed(what: string): Result<never, Problem> {
  return refuse("refused", `the cluster is disarmed, so no service can be ${what}; arm it first`);
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
  const refused = refuseInstance(service);
  if (!refused.ok) return refused;
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
  const refused = refuseInstance(service);
  if (!refused.ok) return refused;
  const row = serviceRow(tables, service);
  if (!row.ok) return row;
  const { value, revision } = row.value;
  const broken = brokenPrecondition(precondition, `service "${service}"`, revision);
  if (broken !== undefined) return err(broken);
  if (value.removing) return ok(nothingToDo);
  if (isDisarmed(tables)) return whileDisarmed("removed");
  const dependent = dependentOf(tables, service);
  if (dependent !== undefined) {
    return refuse(
      "refused",
      `service "${dependent}" requires "${service}"; remove it first, or change what it requires`,
    );
  }
  const key = `${keys.services}${service}`;
  const plan: ChangePlan = {
    compare: [unchanged(key, row.value)],
    operations: [{ kind: "put", key, value: jsonOf({ ...value, removing: true }) }],
    action: "service.remove",
    subject: service,
    detail: "",
  };
  return ok(withRelations(tables, plan));
}

/** A service that cannot do without this one. */
function dependentOf(tables: ViewTables, service: ServiceId): ServiceId | undefined {
  for (const [id, { value }] of tables.services) {
    if (!value.removing && value.config.requires.includes(service)) return id;
  }
  return undefined;
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
