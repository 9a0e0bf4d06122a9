/**
 * What the manager knows: a mirror of the store's facts with the indexes that keep the work of an event with
 * what it concerns. Changed in place inside `step`, and nowhere else.
 */
import type { NodeId, ServiceId } from "../ids.ts";
import type { ManagedNode } from "../model/node.ts";
import type { Service, ServiceCommand, ServiceReport, ServiceStatus } from "../model/service.ts";
import { type ClusterSettings, defaultSettings } from "../model/settings.ts";

export interface ManagerState {
  /** Makes this manager's instruction uids differ from every other manager's. */
  readonly uidPrefix: string;
  uidCount: number;
  /** Until everything is loaded, events only fill the mirror. */
  loaded: boolean;
  settings: ClusterSettings;
  readonly nodes: Map<NodeId, ManagedNode>;
  readonly services: Map<ServiceId, Service>;
  readonly statuses: Map<ServiceId, ServiceStatus>;
  /** The last report on each service; counts only while its uid is the status's. */
  readonly reports: Map<ServiceId, ServiceReport>;
  readonly commands: Map<ServiceId, ServiceCommand>;
  /** Services whose `node` is this one. */
  readonly servicesOn: Map<NodeId, Set<ServiceId>>;
  /** Services that count as load on a node (`countsAsLoad`); moving ones count on both. */
  readonly loadOn: Map<NodeId, number>;
  /** Services that wait for a node to come online: `queued`, and `recovery` without a candidate. */
  readonly waiting: Set<ServiceId>;
  /** Nodes for which `fence-node` was asked and not answered yet. */
  readonly fencing: Set<NodeId>;
  /** Nodes without a lease that are still younger than `suspectMs`. */
  readonly suspects: Set<NodeId>;
  /** Services to look at before the step ends. */
  readonly dirty: Set<ServiceId>;
}

/** What a new manager has to be told. */
export interface ManagerStateOptions {
  /** Unique for each election, e.g. its revision. */
  readonly uidPrefix: string;
}

/** An empty manager that waits to be told what there is. */
export function createManagerState(options: ManagerStateOptions): ManagerState {
  return {
    uidPrefix: options.uidPrefix,
    uidCount: 0,
    loaded: false,
    settings: defaultSettings,
    nodes: new Map(),
    services: new Map(),
    statuses: new Map(),
    reports: new Map(),
    commands: new Map(),
    servicesOn: new Map(),
    loadOn: new Map(),
    waiting: new Set(),
    fencing: new Set(),
    suspects: new Set(),
    dirty: new Set(),
  };
}
