/** The records of the store as typed tables in memory. Only the follower of the store's watch changes them. */
import type { NodeId, ServiceId } from "../../core/ids.ts";
import type { StoredEntry } from "../../ports/store.ts";
import { type UserRecord, userRecordSchema } from "../../wire/access.ts";
import {
  type BundleCopyRecord,
  type BundleRecord,
  bundleCopyRecordSchema,
  bundleRecordSchema,
} from "../../wire/bundles.ts";
import {
  type ServerConfigOrderRecord,
  type ServerConfigRecord,
  serverConfigOrderRecordSchema,
  serverConfigRecordSchema,
} from "../../wire/control-plane/server-config.ts";
import { type SchemaRecord, schemaRecordSchema } from "../../wire/control-plane/store-schema.ts";
import {
  type SilenceRecord,
  silenceRecordSchema,
  type UpgradeRecord,
  upgradeRecordSchema,
} from "../../wire/control-plane/upgrades.ts";
import { type JoinTokenRecord, joinTokenRecordSchema } from "../../wire/joining.ts";
import {
  type ServerOrderRecord,
  type ServerReportRecord,
  serverOrderRecordSchema,
  serverReportRecordSchema,
} from "../../wire/packages/server-upgrades.ts";
import {
  type AgentModeRecord,
  type AgentOrderRecord,
  type ArmingRecord,
  type ArmingStateRecord,
  agentModeRecordSchema,
  agentOrderRecordSchema,
  armingRecordSchema,
  armingStateRecordSchema,
  type EpochRecord,
  epochRecordSchema,
  type FreezeRecord,
  freezeRecordSchema,
  type GroupRecord,
  groupRecordSchema,
  keys,
  type LeaseRecord,
  leaseRecordSchema,
  managerRecordSchema,
  type NodeRecord,
  type NodeStateRecord,
  nodeRecordSchema,
  nodeStateRecordSchema,
  type RejectedRulesRecord,
  type RelationsRecord,
  type RemovedNodeRecord,
  type ReportRecord,
  type RuleRecord,
  rejectedRulesRecordSchema,
  relationsRecordSchema,
  removedNodeRecordSchema,
  reportRecordSchema,
  ruleRecordSchema,
  type ServiceRecord,
  type StatusRecord,
  serviceRecordSchema,
  settingsRecordSchema,
  statusRecordSchema,
  type TokenRecord,
  tokenRecordSchema,
  type UsageRecord,
  usageRecordSchema,
} from "../../wire/records.ts";
import {
  type ControlPlaneRecord,
  controlPlaneRecordSchema,
  type JoinRecord,
  joinRecordSchema,
  type LostServerRecord,
  lostServerRecordSchema,
  type PeerProofRecord,
  peerProofRecordSchema,
  type RemovedServerRecord,
  type RevocationRecord,
  removedServerRecordSchema,
  revocationRecordSchema,
  type ServerLeaseRecord,
  type ServerRecord,
  type ServerRemovalRecord,
  serverCounterRecordSchema,
  serverLeaseRecordSchema,
  serverRecordSchema,
  serverRemovalRecordSchema,
} from "../../wire/servers.ts";
import { type Settings, settingsSchema } from "../../wire/settings.ts";
import { createFleetTables, type FleetTables } from "./fleet-tables.ts";
import { followNames } from "./revocations.ts";
import { followed, type Row, type Slot, single, slot, type Table } from "./table-slots.ts";

export interface ViewTables extends FleetTables {
  readonly settings: Row<Settings>;
  /** Server id of the manager. */
  readonly manager: string | undefined;
  /** Undefined: nobody has ever disarmed it. */
  readonly arming: Row<ArmingRecord> | undefined;
  readonly armingState: Row<ArmingStateRecord> | undefined;
  /** Also one whose time is over; undefined: there is none. */
  readonly freeze: Row<FreezeRecord> | undefined;
  readonly rejectedRules: Row<RejectedRulesRecord> | undefined;
  readonly relations: Row<RelationsRecord> | undefined;
  readonly groups: Table<string, GroupRecord>;
  readonly rules: Table<string, RuleRecord>;
  readonly nodes: Table<NodeId, NodeRecord>;
  readonly epochs: Table<NodeId, EpochRecord>;
  readonly nodeStates: Table<NodeId, NodeStateRecord>;
  readonly leases: Table<NodeId, LeaseRecord>;
  readonly agentModes: Table<NodeId, AgentModeRecord>;
  readonly services: Table<ServiceId, ServiceRecord>;
  readonly statuses: Table<ServiceId, StatusRecord>;
  readonly reports: Table<ServiceId, ReportRecord>;
  readonly usages: Table<ServiceId, UsageRecord>;
  readonly tokens: Table<string, TokenRecord>;
  readonly users: Table<string, UserRecord>;
  /** By the SHA-256 of their content. */
  readonly bundles: Table<string, BundleRecord>;
  /** By `<sha256>/<server>`. */
  readonly bundleCopies: Table<string, BundleCopyRecord>;
  readonly peerProofs: Table<string, PeerProofRecord>;
  /** By request: what other servers want of agents whose streams may be here. */
  readonly agentOrders: Table<string, AgentOrderRecord>;
  readonly servers: Table<string, ServerRecord>;
  readonly serverCounter: Row<{ readonly lastId: number }> | undefined;
  /** What each server has of its own, as it told last. */
  readonly serverConfigs: Table<string, ServerConfigRecord>;
  /** What servers are to change of it. */
  readonly serverConfigOrders: Table<string, ServerConfigOrderRecord>;
  /** Servers on their way in. */
  readonly joins: Table<string, JoinRecord>;
  /** Of the servers that live. */
  readonly serverLeases: Table<string, ServerLeaseRecord>;
  readonly lostServers: Table<string, LostServerRecord>;
  /** What is under way. */
  readonly serverRemovals: Table<string, ServerRemovalRecord>;
  readonly removedServers: Table<string, RemovedServerRecord>;
  /** By server: the version of Holdfast that it is to prepare or to become. */
  readonly serverOrders: Table<string, ServerOrderRecord>;
  /** By server: what it says of its order. */
  readonly serverUpgradeReports: Table<string, ServerReportRecord>;
  /** The upgrade of the control plane that is under way, or the last one. */
  readonly systemUpgrade: Row<UpgradeRecord> | undefined;
  readonly silence: Row<SilenceRecord> | undefined;
  /** Undefined: the store is older than that there were schema versions. */
  readonly schema: Row<SchemaRecord> | undefined;
  readonly removedNodes: Table<NodeId, RemovedNodeRecord>;
  readonly joinTokens: Table<string, JoinTokenRecord>;
  readonly revocations: Table<string, RevocationRecord>;
  /** Keys of `revocations` by `revokedName`: a serial may have been written in several spellings. */
  readonly revokedNames: ReadonlyMap<string, ReadonlySet<string>>;
  readonly controlPlane: Row<ControlPlaneRecord> | undefined;
  /** Services by the node that their status names. */
  readonly servicesOn: ReadonlyMap<NodeId, ReadonlySet<ServiceId>>;
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
  readonly #fleet = createFleetTables();
  readonly definitions = this.#fleet.tables.definitions;
  readonly deployments = this.#fleet.tables.deployments;
  readonly instances = this.#fleet.tables.instances;
  readonly instanceNodes = this.#fleet.tables.instanceNodes;
  readonly rollouts = this.#fleet.tables.rollouts;
  readonly rolloutKeys = this.#fleet.tables.rolloutKeys;
  readonly rolloutOrders = this.#fleet.tables.rolloutOrders;
  readonly haGroups = this.#fleet.tables.haGroups;
  readonly haMembers = this.#fleet.tables.haMembers;
  readonly membersOfGroup = this.#fleet.tables.membersOfGroup;
  readonly upgradeSlots = this.#fleet.tables.upgradeSlots;
  readonly policies = this.#fleet.tables.policies;
  readonly agentUpgrades = this.#fleet.tables.agentUpgrades;
  readonly agentUpgradeReports = this.#fleet.tables.agentUpgradeReports;
  settings: Row<Settings> = noSettings;
  manager: string | undefined = undefined;
  arming: Row<ArmingRecord> | undefined = undefined;
  armingState: Row<ArmingStateRecord> | undefined = undefined;
  freeze: Row<FreezeRecord> | undefined = undefined;
  rejectedRules: Row<RejectedRulesRecord> | undefined = undefined;
  relations: Row<RelationsRecord> | undefined = undefined;
  readonly groups = new Map<string, Row<GroupRecord>>();
  readonly rules = new Map<string, Row<RuleRecord>>();
  readonly nodes = new Map<NodeId, Row<NodeRecord>>();
  readonly epochs = new Map<NodeId, Row<EpochRecord>>();
  readonly nodeStates = new Map<NodeId, Row<NodeStateRecord>>();
  readonly leases = new Map<NodeId, Row<LeaseRecord>>();
  readonly agentModes = new Map<NodeId, Row<AgentModeRecord>>();
  readonly services = new Map<ServiceId, Row<ServiceRecord>>();
  readonly statuses = new Map<ServiceId, Row<StatusRecord>>();
  readonly reports = new Map<ServiceId, Row<ReportRecord>>();
  readonly usages = new Map<ServiceId, Row<UsageRecord>>();
  readonly tokens = new Map<string, Row<TokenRecord>>();
  readonly users = new Map<string, Row<UserRecord>>();
  readonly bundles = new Map<string, Row<BundleRecord>>();
  readonly bundleCopies = new Map<string, Row<BundleCopyRecord>>();
  readonly peerProofs = new Map<string, Row<PeerProofRecord>>();
  readonly agentOrders = new Map<string, Row<AgentOrderRecord>>();
  readonly servers = new Map<string, Row<ServerRecord>>();
  serverCounter: Row<{ readonly lastId: number }> | undefined = undefined;
  readonly serverConfigs = new Map<string, Row<ServerConfigRecord>>();
  readonly serverConfigOrders = new Map<string, Row<ServerConfigOrderRecord>>();
  readonly joins = new Map<string, Row<JoinRecord>>();
  readonly serverLeases = new Map<string, Row<ServerLeaseRecord>>();
  readonly lostServers = new Map<string, Row<LostServerRecord>>();
  readonly serverRemovals = new Map<string, Row<ServerRemovalRecord>>();
  readonly removedServers = new Map<string, Row<RemovedServerRecord>>();
  readonly serverOrders = new Map<string, Row<ServerOrderRecord>>();
  readonly serverUpgradeReports = new Map<string, Row<ServerReportRecord>>();
  systemUpgrade: Row<UpgradeRecord> | undefined = undefined;
  silence: Row<SilenceRecord> | undefined = undefined;
  schema: Row<SchemaRecord> | undefined = undefined;
  readonly removedNodes = new Map<NodeId, Row<RemovedNodeRecord>>();
  readonly joinTokens = new Map<string, Row<JoinTokenRecord>>();
  readonly revocations = new Map<string, Row<RevocationRecord>>();
  readonly revokedNames = new Map<string, Set<string>>();
  controlPlane: Row<ControlPlaneRecord> | undefined = undefined;
  readonly servicesOn = new Map<NodeId, Set<ServiceId>>();

  readonly #slots: readonly (readonly [string, Slot])[] = [
    [
      keys.settings,
      single(settingsRecordSchema, (row) => {
        this.settings =
          row === undefined ? noSettings : { value: row.value.settings, revision: row.revision };
      }),
    ],
    [
      keys.manager,
      single(managerRecordSchema, (row) => {
        this.manager = row?.value.serverId;
      }),
    ],
    [
      keys.arming,
      single(armingRecordSchema, (row) => {
        this.arming = row;
      }),
    ],
    [
      keys.armingState,
      single(armingStateRecordSchema, (row) => {
        this.armingState = row;
      }),
    ],
    [
      keys.freeze,
      single(freezeRecordSchema, (row) => {
        this.freeze = row;
      }),
    ],
    [
      keys.rejectedRules,
      single(rejectedRulesRecordSchema, (row) => {
        this.rejectedRules = row;
      }),
    ],
    [
      keys.relations,
      single(relationsRecordSchema, (row) => {
        this.relations = row;
      }),
    ],
    [keys.groups, slot(this.groups, groupRecordSchema)],
    [keys.rules, slot(this.rules, ruleRecordSchema)],
    [keys.nodes, slot(this.nodes, nodeRecordSchema)],
    [keys.epochs, slot(this.epochs, epochRecordSchema)],
    [keys.nodeStates, slot(this.nodeStates, nodeStateRecordSchema)],
    [keys.leases, slot(this.leases, leaseRecordSchema)],
    [keys.agentModes, slot(this.agentModes, agentModeRecordSchema)],
    [keys.services, slot(this.services, serviceRecordSchema)],
    [keys.statuses, this.#indexed(slot(this.statuses, statusRecordSchema))],
    [keys.reports, slot(this.reports, reportRecordSchema)],
    [keys.usages, slot(this.usages, usageRecordSchema)],
    [keys.tokens, slot(this.tokens, tokenRecordSchema)],
    [keys.users, slot(this.users, userRecordSchema)],
    [keys.bundles, slot(this.bundles, bundleRecordSchema)],
    [keys.bundleCopies, slot(this.bundleCopies, bundleCopyRecordSchema)],
    [keys.peerProofs, slot(this.peerProofs, peerProofRecordSchema)],
    [keys.agentOrders, slot(this.agentOrders, agentOrderRecordSchema)],
    [keys.servers, slot(this.servers, serverRecordSchema)],
    [keys.serverConfigs, slot(this.serverConfigs, serverConfigRecordSchema)],
    [keys.serverConfigOrders, slot(this.serverConfigOrders, serverConfigOrderRecordSchema)],
    [keys.joins, slot(this.joins, joinRecordSchema)],
    [keys.serverLeases, slot(this.serverLeases, serverLeaseRecordSchema)],
    [keys.lostServers, slot(this.lostServers, lostServerRecordSchema)],
    [keys.serverRemovals, slot(this.serverRemovals, serverRemovalRecordSchema)],
    [keys.removedServers, slot(this.removedServers, removedServerRecordSchema)],
    [keys.serverUpgrades, slot(this.serverOrders, serverOrderRecordSchema)],
    [keys.serverUpgradeReports, slot(this.serverUpgradeReports, serverReportRecordSchema)],
    [
      keys.systemUpgrade,
      single(upgradeRecordSchema, (row) => {
        this.systemUpgrade = row;
      }),
    ],
    [
      keys.schema,
      single(schemaRecordSchema, (row) => {
        this.schema = row;
      }),
    ],
    [
      keys.silence,
      single(silenceRecordSchema, (row) => {
        this.silence = row;
      }),
    ],
    [keys.removedNodes, slot(this.removedNodes, removedNodeRecordSchema)],
    [keys.joinTokens, slot(this.joinTokens, joinTokenRecordSchema)],
    [
      keys.revocations,
      followed(
        slot(this.revocations, revocationRecordSchema),
        (key) => this.revocations.get(key)?.value,
        followNames(this.revokedNames),
      ),
    ],
    [
      keys.serverCounter,
      single(serverCounterRecordSchema, (row) => {
        this.serverCounter = row;
      }),
    ],
    [
      keys.controlPlane,
      single(controlPlaneRecordSchema, (row) => {
        this.controlPlane = row;
      }),
    ],
    ...this.#fleet.slots,
  ];

  put(entry: StoredEntry): void {
    const found = this.#slotOf(entry.key);
    found?.[1].put(entry.key.slice(found[0].length), entry);
  }

  delete(key: string): void {
    const found = this.#slotOf(key);
    found?.[1].delete(key.slice(found[0].length));
  }

  #slotOf(key: string): readonly [string, Slot] | undefined {
    return this.#slots.find(([prefix]) => key.startsWith(prefix));
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
