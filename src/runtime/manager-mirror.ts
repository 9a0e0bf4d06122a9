/**
 * What the manager's runtime must know of the store itself: the records that its writes are conditional on. It
 * also turns the store's changes into the events that the core manager is told.
 */
import { type Epoch, epochOf, type NodeId, type ServiceId } from "../core/ids.ts";
import type { ManagerEvent } from "../core/manager/event.ts";
import { defaultSettings } from "../core/model/settings.ts";
import type { JsonValue, StoreChange, StoredEntry, StoreRevision } from "../ports/store.ts";
import {
  agentModeRecordSchema,
  armingRecordSchema,
  armingStateRecordSchema,
  commandRecordSchema,
  epochRecordSchema,
  freezeRecordSchema,
  groupRecordSchema,
  keys,
  leaseRecordSchema,
  nodeRecordSchema,
  nodeStateRecordSchema,
  reportRecordSchema,
  ruleRecordSchema,
  type ServiceRecord,
  serviceRecordSchema,
  settingsRecordSchema,
  statusRecordSchema,
  usageRecordSchema,
} from "../wire/records.ts";
import {
  clusterSettingsOf,
  commandOf,
  freezeOf,
  nameIn,
  nodeIdIn,
  readRecord,
  registrationOf,
  reportOf,
  ruleOf,
  serviceIdIn,
  serviceOf,
  statusOf,
} from "./manager-records.ts";

/** What the manager loads, in the order in which the core is told. */
export const managerPrefixes: readonly string[] = [
  keys.settings,
  keys.groups,
  keys.rules,
  keys.arming,
  keys.armingState,
  keys.freeze,
  keys.epochs,
  keys.nodes,
  keys.nodeStates,
  keys.agentModes,
  keys.leases,
  keys.services,
  keys.usages,
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

/** A node's registration that is in the store. */
export interface MirroredNode {
  /** As in its record; undefined: it has none. */
  readonly identity: string | undefined;
  readonly revision: StoreRevision;
}

/** A freeze that is in the store, in force or not. */
export interface MirroredFreeze {
  readonly untilMs: number | undefined;
  readonly revision: StoreRevision;
}

export interface ManagerMirror {
  /** Undefined: the cluster is not frozen. */
  freeze(): MirroredFreeze | undefined;
  /** The store's epoch of a node; undefined: it has none yet, which counts as 0. */
  epochOf(node: NodeId): MirroredEpoch | undefined;
  serviceOf(service: ServiceId): MirroredService | undefined;
  commandOf(service: ServiceId): MirroredCommand | undefined;
  nodeOf(node: NodeId): MirroredNode | undefined;
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
  const nodes = new Map<NodeId, MirroredNode>();
  let freeze: MirroredFreeze | undefined;

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
    } else if (entry.key.startsWith(keys.nodes)) {
      const { identity } = readRecord(nodeRecordSchema, entry.key, entry.value);
      nodes.set(nodeIdIn(entry.key, keys.nodes), { identity, revision: entry.modRevision });
    } else if (entry.key === keys.freeze) {
      const { untilMs } = readRecord(freezeRecordSchema, entry.key, entry.value);
      freeze = { untilMs, revision: entry.modRevision };
    }
  }

  function forget(key: string): void {
    if (key.startsWith(keys.epochs)) epochs.delete(nodeIdIn(key, keys.epochs));
    if (key.startsWith(keys.services)) services.delete(serviceIdIn(key, keys.services));
    if (key.startsWith(keys.commands)) commands.delete(serviceIdIn(key, keys.commands));
    if (key.startsWith(keys.nodes)) nodes.delete(nodeIdIn(key, keys.nodes));
    if (key === keys.freeze) freeze = undefined;
  }

  return {
    freeze: () => freeze,
    epochOf: (node) => epochs.get(node),
    serviceOf: (service) => services.get(service),
    commandOf: (service) => commands.get(service),
    nodeOf: (node) => nodes.get(node),
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
  if (entry.key === keys.armingState) {
    const { state } = readRecord(armingStateRecordSchema, entry.key, entry.value);
    return { kind: "arming-state-loaded", state };
  }
  return undefined;
}

/** What a record below a prefix, or under a key, means to the core; `key` is the whole key. */
interface Meaning {
  put(key: string, value: JsonValue): ManagerEvent;
  deleted(key: string, previous: JsonValue): ManagerEvent | undefined;
}

const meanings: readonly (readonly [string, Meaning])[] = [
  [
    keys.settings,
    {
      put(key, value) {
        const { settings } = readRecord(settingsRecordSchema, key, value);
        return { kind: "settings-changed", settings: clusterSettingsOf(settings) };
      },
      deleted: () => ({ kind: "settings-changed", settings: defaultSettings }),
    },
  ],
  [
    keys.groups,
    {
      put(key, value) {
        const { group } = readRecord(groupRecordSchema, key, value);
        return { kind: "group-changed", group };
      },
      deleted: (key) => ({ kind: "group-removed", name: nameIn(key, keys.groups) }),
    },
  ],
  [
    keys.rules,
    {
      put(key, value) {
        const { rule } = readRecord(ruleRecordSchema, key, value);
        return { kind: "rule-changed", rule: ruleOf(rule) };
      },
      deleted: (key) => ({ kind: "rule-removed", name: nameIn(key, keys.rules) }),
    },
  ],
  [
    keys.arming,
    {
      put(key, value) {
        const { mode } = readRecord(armingRecordSchema, key, value);
        return { kind: "arming-changed", mode };
      },
      deleted: () => ({ kind: "arming-changed", mode: "armed" }),
    },
  ],
  [
    keys.freeze,
    {
      put(key, value) {
        const freeze = freezeOf(readRecord(freezeRecordSchema, key, value));
        return { kind: "freeze-changed", freeze };
      },
      deleted: () => ({ kind: "freeze-changed", freeze: undefined }),
    },
  ],
  [
    keys.nodes,
    {
      put(key, value) {
        const record = readRecord(nodeRecordSchema, key, value);
        return { kind: "node-changed", node: registrationOf(record) };
      },
      deleted: (key) => ({ kind: "node-removed", node: nodeIdIn(key, keys.nodes) }),
    },
  ],
  [
    keys.agentModes,
    {
      put(key, value) {
        const { mode } = readRecord(agentModeRecordSchema, key, value);
        return { kind: "agent-mode", node: nodeIdIn(key, keys.agentModes), mode };
      },
      // Only a node that is forgotten loses its record, and there is nobody left to tell.
      deleted: () => undefined,
    },
  ],
  [
    keys.leases,
    {
      put(key, value) {
        const { epoch, resetsOnLoss = false } = readRecord(leaseRecordSchema, key, value);
        return { kind: "lease-granted", node: nodeIdIn(key, keys.leases), epoch, resetsOnLoss };
      },
      deleted(key, previous) {
        const { epoch } = readRecord(leaseRecordSchema, key, previous);
        return { kind: "lease-gone", node: nodeIdIn(key, keys.leases), epoch };
      },
    },
  ],
  [
    keys.services,
    {
      put(key, value) {
        const record = readRecord(serviceRecordSchema, key, value);
        return { kind: "service-changed", service: serviceOf(record) };
      },
      deleted: (key) => ({ kind: "service-removed", service: serviceIdIn(key, keys.services) }),
    },
  ],
  [
    keys.usages,
    {
      put(key, value) {
        const { cpuCores, memoryBytes } = readRecord(usageRecordSchema, key, value);
        const use = { cpuCores, memoryBytes };
        return { kind: "usage", service: serviceIdIn(key, keys.usages), use };
      },
      // It goes with its service.
      deleted: () => undefined,
    },
  ],
  [
    keys.reports,
    {
      put(key, value) {
        const record = readRecord(reportRecordSchema, key, value);
        return { kind: "report", report: reportOf(record) };
      },
      deleted: () => undefined,
    },
  ],
  [
    keys.commands,
    {
      put(key, value) {
        const command = commandOf(readRecord(commandRecordSchema, key, value));
        return { kind: "command", service: serviceIdIn(key, keys.commands), command };
      },
      deleted: () => undefined,
    },
  ],
];

function eventsOfPut(key: string, value: JsonValue): readonly ManagerEvent[] {
  const meaning = meaningOf(key);
  return meaning === undefined ? [] : [meaning.put(key, value)];
}

function eventsOfDelete(key: string, previous: JsonValue): readonly ManagerEvent[] {
  const event = meaningOf(key)?.deleted(key, previous);
  return event === undefined ? [] : [event];
}

function meaningOf(key: string): Meaning | undefined {
  return meanings.find(([prefix]) => key.startsWith(prefix))?.[1];
}
