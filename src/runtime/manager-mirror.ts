/**
 * What the manager's runtime must know of the store itself: the records that its writes are conditional on. It
 * also turns the store's changes into the events that the core manager is told.
 */
import { type Epoch, epochOf, type NodeId, type ServiceId } from "../core/ids.ts";
import type { ManagerEvent } from "../core/manager/event.ts";
import { defaultSettings } from "../core/model/settings.ts";
import type { JsonValue, StoreChange, StoredEntry, StoreRevision } from "../ports/store.ts";
import {
  commandRecordSchema,
  epochRecordSchema,
  keys,
  leaseRecordSchema,
  nodeRecordSchema,
  nodeStateRecordSchema,
  reportRecordSchema,
  type ServiceRecord,
  serviceRecordSchema,
  settingsRecordSchema,
  statusRecordSchema,
} from "../wire/records.ts";
import {
  clusterSettingsOf,
  commandOf,
  nodeIdIn,
  readRecord,
  reportOf,
  serviceIdIn,
  serviceOf,
  statusOf,
} from "./manager-records.ts";

/** What the manager loads, in the order in which the core is told. */
export const managerPrefixes: readonly string[] = [
  keys.settings,
  keys.epochs,
  keys.nodes,
  keys.nodeStates,
  keys.leases,
  keys.services,
  keys.statuses,
  keys.reports,
  keys.commands,
];

export interface MirroredEpoch {
  readonly epoch: Epoch;
  readonly revision: StoreRevision;
}

export interface MirroredService {
  readonly record: ServiceRecord;
  readonly revision: StoreRevision;
}

/** A person's order that is in the store. */
export interface MirroredCommand {
  readonly id: string;
  readonly revision: StoreRevision;
}

export interface ManagerMirror {
  /** The store's epoch of a node; undefined: it has none yet, which counts as 0. */
  epochOf(node: NodeId): MirroredEpoch | undefined;
  serviceOf(service: ServiceId): MirroredService | undefined;
  commandOf(service: ServiceId): MirroredCommand | undefined;
  /** Takes in a record while loading; the answer is what the core is told of it. */
  load(entry: StoredEntry): readonly ManagerEvent[];
  /** Takes in a change; the answer is what the core is told of it. The manager's own writes are no news. */
  apply(change: StoreChange): readonly ManagerEvent[];
}

/** An empty mirror. */
export function createManagerMirror(): ManagerMirror {
  const epochs = new Map<NodeId, MirroredEpoch>();
  const services = new Map<ServiceId, MirroredService>();
  const commands = new Map<ServiceId, MirroredCommand>();

  function remember(entry: StoredEntry): void {
    if (entry.key.startsWith(keys.epochs)) {
      const { epoch } = readRecord(epochRecordSchema, entry.key, entry.value);
      epochs.set(nodeIdIn(entry.key, keys.epochs), { epoch, revision: entry.modRevision });
    } else if (entry.key.startsWith(keys.services)) {
      const record = readRecord(serviceRecordSchema, entry.key, entry.value);
      services.set(record.config.id, { record, revision: entry.modRevision });
    } else if (entry.key.startsWith(keys.commands)) {
      const { id } = readRecord(commandRecordSchema, entry.key, entry.value);
      commands.set(serviceIdIn(entry.key, keys.commands), { id, revision: entry.modRevision });
    }
  }

  function forget(key: string): void {
    if (key.startsWith(keys.epochs)) epochs.delete(nodeIdIn(key, keys.epochs));
    if (key.startsWith(keys.services)) services.delete(serviceIdIn(key, keys.services));
    if (key.startsWith(keys.commands)) commands.delete(serviceIdIn(key, keys.commands));
  }

  return {
    epochOf: (node) => epochs.get(node),
    serviceOf: (service) => services.get(service),
    commandOf: (service) => commands.get(service),
    load(entry) {
      remember(entry);
      const own = loadedEventOf(entry, (node) => epochs.get(node)?.epoch ?? epochOf(0));
      return own === undefined ? eventsOfPut(entry.key, entry.value) : [own];
    },
    apply(change) {
      if (change.kind === "put") {
        remember(change.entry);
        return eventsOfPut(change.entry.key, change.entry.value);
      }
      forget(change.key);
      return eventsOfDelete(change.key, change.previous);
    },
  };
}

/** What only a manager writes is told while loading, and never again. */
function loadedEventOf(
  entry: StoredEntry,
  epoch: (node: NodeId) => Epoch,
): ManagerEvent | undefined {
  if (entry.key.startsWith(keys.statuses)) {
    const record = readRecord(statusRecordSchema, entry.key, entry.value);
    return { kind: "status-loaded", status: statusOf(record) };
  }
  if (entry.key.startsWith(keys.nodeStates)) {
    const node = nodeIdIn(entry.key, keys.nodeStates);
    const { state } = readRecord(nodeStateRecordSchema, entry.key, entry.value);
    return { kind: "node-state-loaded", node, state, epoch: epoch(node) };
  }
  return undefined;
}

function eventsOfPut(key: string, value: JsonValue): readonly ManagerEvent[] {
  if (key === keys.settings) {
    const { settings } = readRecord(settingsRecordSchema, key, value);
    return [{ kind: "settings-changed", settings: clusterSettingsOf(settings) }];
  }
  if (key.startsWith(keys.nodes)) {
    const { node, confirmedOffEpoch } = readRecord(nodeRecordSchema, key, value);
    return [{ kind: "node-changed", node: { id: node, confirmedOffEpoch } }];
  }
  if (key.startsWith(keys.leases)) {
    const { epoch } = readRecord(leaseRecordSchema, key, value);
    return [{ kind: "lease-granted", node: nodeIdIn(key, keys.leases), epoch }];
  }
  if (key.startsWith(keys.services)) {
    const record = readRecord(serviceRecordSchema, key, value);
    return [{ kind: "service-changed", service: serviceOf(record) }];
  }
  if (key.startsWith(keys.reports)) {
    const record = readRecord(reportRecordSchema, key, value);
    return [{ kind: "report", report: reportOf(record) }];
  }
  if (key.startsWith(keys.commands)) {
    const service = serviceIdIn(key, keys.commands);
    const command = commandOf(readRecord(commandRecordSchema, key, value));
    return [{ kind: "command", service, command }];
  }
  return [];
}

function eventsOfDelete(key: string, previous: JsonValue): readonly ManagerEvent[] {
  if (key === keys.settings) return [{ kind: "settings-changed", settings: defaultSettings }];
  if (key.startsWith(keys.nodes)) {
    return [{ kind: "node-removed", node: nodeIdIn(key, keys.nodes) }];
  }
  if (key.startsWith(keys.leases)) {
    const { epoch } = readRecord(leaseRecordSchema, key, previous);
    return [{ kind: "lease-gone", node: nodeIdIn(key, keys.leases), epoch }];
  }
  if (key.startsWith(keys.services)) {
    return [{ kind: "service-removed", service: serviceIdIn(key, keys.services) }];
  }
  return [];
}
