/** The records of the store as typed tables in memory. Only the follower of the store's watch changes them. */
import type { NodeId, ServiceId } from "../../core/ids.ts";
import type { StoredEntry, StoreRevision } from "../../ports/store.ts";
import { readRecord } from "../../runtime/manager-records.ts";
import {
  type EpochRecord,
  epochRecordSchema,
  keys,
  type LeaseRecord,
  leaseRecordSchema,
  managerRecordSchema,
  type NodeRecord,
  type NodeStateRecord,
  nodeRecordSchema,
  nodeStateRecordSchema,
  type ReportRecord,
  reportRecordSchema,
  type ServiceRecord,
  type StatusRecord,
  serviceRecordSchema,
  settingsRecordSchema,
  statusRecordSchema,
  type TokenRecord,
  tokenRecordSchema,
} from "../../wire/records.ts";
import { type Settings, settingsSchema } from "../../wire/settings.ts";

/** A record with the revision of its last change. */
export interface Row<T> {
  readonly value: T;
  readonly revision: StoreRevision;
}

type Table<K, T> = ReadonlyMap<K, Row<T>>;

export interface ViewTables {
  readonly settings: Row<Settings>;
  /** Server id of the manager. */
  readonly manager: string | undefined;
  readonly nodes: Table<NodeId, NodeRecord>;
  readonly epochs: Table<NodeId, EpochRecord>;
  readonly nodeStates: Table<NodeId, NodeStateRecord>;
  readonly leases: Table<NodeId, LeaseRecord>;
  readonly services: Table<ServiceId, ServiceRecord>;
  readonly statuses: Table<ServiceId, StatusRecord>;
  readonly reports: Table<ServiceId, ReportRecord>;
  readonly tokens: Table<string, TokenRecord>;
  /** Services by the node that their status names. */
  readonly servicesOn: ReadonlyMap<NodeId, ReadonlySet<ServiceId>>;
}

interface Slot {
  put(key: string, entry: StoredEntry): void;
  delete(key: string): void;
}

const noSettings: Row<Settings> = { value: settingsSchema.parse({}), revision: 0 };

/** Tables that can be filled, and the two functions that fill them. */
export interface WritableTables extends ViewTables {
  put(entry: StoredEntry): void;
  delete(key: string): void;
}

/** Empty tables. */
export function createTables(): WritableTables {
  return new Tables();
}

class Tables implements WritableTables {
  settings: Row<Settings> = noSettings;
  manager: string | undefined = undefined;
  readonly nodes = new Map<NodeId, Row<NodeRecord>>();
  readonly epochs = new Map<NodeId, Row<EpochRecord>>();
  readonly nodeStates = new Map<NodeId, Row<NodeStateRecord>>();
  readonly leases = new Map<NodeId, Row<LeaseRecord>>();
  readonly services = new Map<ServiceId, Row<ServiceRecord>>();
  readonly statuses = new Map<ServiceId, Row<StatusRecord>>();
  readonly reports = new Map<ServiceId, Row<ReportRecord>>();
  readonly tokens = new Map<string, Row<TokenRecord>>();
  readonly servicesOn = new Map<NodeId, Set<ServiceId>>();

  readonly #slots: readonly (readonly [string, Slot])[] = [
    [keys.nodes, slot(this.nodes, nodeRecordSchema)],
    [keys.epochs, slot(this.epochs, epochRecordSchema)],
    [keys.nodeStates, slot(this.nodeStates, nodeStateRecordSchema)],
    [keys.leases, slot(this.leases, leaseRecordSchema)],
    [keys.services, slot(this.services, serviceRecordSchema)],
    [keys.statuses, this.#indexed(slot(this.statuses, statusRecordSchema))],
    [keys.reports, slot(this.reports, reportRecordSchema)],
    [keys.tokens, slot(this.tokens, tokenRecordSchema)],
  ];

  put(entry: StoredEntry): void {
    const { key, value, modRevision } = entry;
    if (key === keys.settings) {
      const { settings } = readRecord(settingsRecordSchema, key, value);
      this.settings = { value: settings, revision: modRevision };
    } else if (key === keys.manager) {
      this.manager = readRecord(managerRecordSchema, key, value).serverId;
    } else {
      const found = this.#slots.find(([prefix]) => key.startsWith(prefix));
      found?.[1].put(key.slice(found[0].length), entry);
    }
  }

  delete(key: string): void {
    if (key === keys.settings) this.settings = noSettings;
    else if (key === keys.manager) this.manager = undefined;
    else {
      const found = this.#slots.find(([prefix]) => key.startsWith(prefix));
      found?.[1].delete(key.slice(found[0].length));
    }
  }

  /** Keeps `servicesOn` in step with the statuses. */
  #indexed(inner: Slot): Slot {
    const unindex = (key: string) => {
      const service = key as ServiceId; // keys below `statuses/` are service ids
      const node = this.statuses.get(service)?.value.node;
      if (node !== undefined) this.servicesOn.get(node)?.delete(service);
    };
    return {
      put: (key, entry) => {
        unindex(key);
        inner.put(key, entry);
        const service = key as ServiceId; // keys below `statuses/` are service ids
        const node = this.statuses.get(service)?.value.node;
        if (node === undefined) return;
        const services = this.servicesOn.get(node) ?? new Set();
        this.servicesOn.set(node, services.add(service));
      },
      delete: (key) => {
        unindex(key);
        inner.delete(key);
      },
    };
  }
}

function slot<K extends string, T>(
  table: Map<K, Row<T>>,
  schema: Parameters<typeof readRecord<T>>[0],
): Slot {
  return {
    put(key, entry) {
      // The part of a key after its prefix is the id that the prefix stands for.
      table.set(key as K, {
        value: readRecord(schema, entry.key, entry.value),
        revision: entry.modRevision,
      });
    },
    delete(key) {
      table.delete(key as K); // as above
    },
  };
}
