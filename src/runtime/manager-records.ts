/** Turns what is stored into what the core decides with, and back. */
import { assert, assertNever, InvariantError } from "../core/assert.ts";
import type { Reason } from "../core/explain/reason.ts";
import { epochOf, type NodeId, type ServiceId } from "../core/ids.ts";
import type { Freeze } from "../core/model/freeze.ts";
import type { NodeRegistration } from "../core/model/node.ts";
import type { Rule } from "../core/model/rule.ts";
import type {
  MovingState,
  Service,
  ServiceCommand,
  ServiceReport,
  ServiceStatus,
  SettledState,
} from "../core/model/service.ts";
import type { ClusterSettings } from "../core/model/settings.ts";
import { instantMs } from "../core/time.ts";
import type { JsonValue } from "../ports/store.ts";
import type { RuleConfig } from "../wire/placement.ts";
import type {
  CommandRecord,
  FreezeRecord,
  NodeRecord,
  ReportRecord,
  ServiceRecord,
  StatusRecord,
} from "../wire/records.ts";
import { coldStartOf, type Settings, timesOf } from "../wire/settings.ts";

/** What a schema must offer to read a record. */
interface RecordSchema<T> {
  safeParse(
    value: unknown,
  ):
    | { readonly success: true; readonly data: T }
    | { readonly success: false; readonly error: { readonly message: string } };
}

/** By schema and value: stored values never change, and are read by more than one part. */
const known = new WeakMap<object, WeakMap<object, unknown>>();

/** Reads one stored record. A record that does not fit its schema was not written by Holdfast: stop. */
export function readRecord<T>(schema: RecordSchema<T>, key: string, value: JsonValue): T {
  const ofValue = typeof value === "object" && value !== null ? recordsOf(value) : undefined;
  const found = ofValue?.get(schema);
  if (found !== undefined) return found as T; // this very schema has made it of this very value
  const parsed = schema.safeParse(value);
  if (parsed.success) {
    ofValue?.set(schema, parsed.data);
    return parsed.data;
  }
  throw new InvariantError(`the stored record "${key}" has its shape: ${parsed.error.message}`);
}

function recordsOf(value: object): WeakMap<object, unknown> {
  const records = known.get(value) ?? new WeakMap();
  known.set(value, records);
  return records;
}

/** A freeze as the core takes it. */
export function freezeOf({ by, reason, untilMs, failover }: FreezeRecord): Freeze {
  return {
    by,
    because: reason,
    untilMs: untilMs === undefined ? undefined : instantMs(untilMs),
    failover: failover ? "goes-on" : "held",
  };
}

/** A record as the store takes it: fields that are undefined are left out. */
export function jsonOf(record: object): JsonValue {
  return JSON.parse(JSON.stringify(record)) as JsonValue; // what JSON.parse makes is JSON
}

/** The settings that the core decides with. */
export function clusterSettingsOf(settings: Settings): ClusterSettings {
  const { suspectMs, shutdownPolicy, scheduler, rebalanceOnStart, roundMs, brake } = settings;
  const { goneAfterMs, purgeAfterMs, readyServersMin } = settings;
  return {
    profile: settings.profile,
    times: timesOf(settings),
    suspectMs,
    coldStartMs: coldStartOf(settings),
    shutdownPolicy,
    scheduler,
    rebalanceOnStart,
    autoRebalance: settings.autoRebalance ?? undefined,
    roundMs,
    goneAfterMs,
    purgeAfterMs,
    readyServersMin,
    brake,
  };
}

/** The node as the manager sees it. */
export function registrationOf(record: NodeRecord): NodeRegistration {
  const { node, confirmedOffEpoch, maintenance, mode, capacity, taints } = record;
  return { id: node, confirmedOffEpoch, maintenance, mode, capacity, taints };
}

/** The rule as the core takes it. */
export function ruleOf(config: RuleConfig): Rule {
  switch (config.type) {
    case "node-affinity": {
      const { type, ...rest } = config;
      return { kind: type, ...rest };
    }
    case "resource-affinity": {
      const { type, ...rest } = config;
      return { kind: type, ...rest };
    }
    default:
      return assertNever(config);
  }
}

/** The service as the manager sees it. */
export function serviceOf(record: ServiceRecord): Service {
  const { config } = record;
  return {
    id: config.id,
    requested: config.state,
    maxRestart: config.maxRestart,
    maxRelocate: config.maxRelocate,
    onIsolation: config.onIsolation,
    home: config.node,
    removing: record.removing,
    group: config.group,
    failback: config.failback,
    autoRebalance: config.autoRebalance,
    limits: config.limits,
    mayOvercommit: config.mayOvercommit,
    after: config.after,
    requires: config.requires,
    priority: config.priority,
    movesLive: config.moveBy === "live",
    tolerations: config.tolerations,
    volumes: config.volumes,
  };
}

/** A reason that a manager stored, for those who make a sentence of it. */
export function reasonOf(stored: { readonly code: string }): Reason {
  return stored as unknown as Reason; // only managers write reasons, and they write the core's
}

/** The status that a manager stored. */
export function statusOf(record: StatusRecord): ServiceStatus {
  const base = {
    service: record.service,
    uid: record.uid,
    failedNodes: record.failedNodes,
    sinceMs: instantMs(record.sinceMs),
    reason: reasonOf(record.reason),
  };
  if (record.state === "queued") return { ...base, state: "queued" };
  assert(record.node !== undefined, "a stored status other than queued names its node");
  const placed = {
    ...base,
    node: record.node,
    nodeEpoch: record.nodeEpoch ?? epochOf(0),
    stopTimeoutMs: record.stopTimeoutMs,
    survivesIsolation: record.survivesIsolation ?? false,
    mayOutliveLease: record.mayOutliveLease ?? record.survivesIsolation ?? false,
    maintenanceNode: record.maintenanceNode,
    boundTo: record.boundTo,
    suspended: record.suspended,
    clearLocks: record.clearLocks,
  };
  if (isMovingState(record.state)) {
    assert(record.target !== undefined, "a stored status of a move names its target");
    return { ...placed, state: record.state, target: record.target };
  }
  return { ...placed, state: record.state };
}

function isMovingState(state: MovingState | SettledState): state is MovingState {
  return state === "migrate" || state === "relocate" || state === "request_start_balance";
}

/** The status as it is stored. */
export function statusRecordOf(status: ServiceStatus): JsonValue {
  return jsonOf({ version: 1, ...status });
}

/** The order as the core takes it. */
export function commandOf(record: CommandRecord): ServiceCommand {
  return {
    id: record.id,
    kind: record.kind,
    target: record.target,
    timeoutMs: record.timeoutMs,
  };
}

/** The report as the core takes it. */
export function reportOf(record: ReportRecord): ServiceReport {
  const { service, node, epoch, uid, result, detail, stable } = record;
  return { service, node, epoch, uid, result, detail, stable };
}

/** The name in a key of a group or rule. */
export function nameIn(key: string, prefix: string): string {
  return key.slice(prefix.length);
}

/** The id in a key that was written by Holdfast, e.g. of `leases/node1`. */
export function nodeIdIn(key: string, prefix: string): NodeId {
  return key.slice(prefix.length) as NodeId; // keys below node prefixes are made from checked ids only
}

/** The id in a key that was written by Holdfast, e.g. of `services/process:api`. */
export function serviceIdIn(key: string, prefix: string): ServiceId {
  return key.slice(prefix.length) as ServiceId; // keys below service prefixes are made from checked ids
}
