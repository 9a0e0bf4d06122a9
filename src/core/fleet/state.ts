/**
 * What the fleet knows: a mirror of the store's facts with the indexes that keep the work of an event with what it
 * concerns. Changed in place inside `stepFleet`, and nowhere else.
 */
import type { Epoch, InstructionUid, NodeId, ServiceId } from "../ids.ts";
import type { ManagerState, RequestedState } from "../model/service.ts";
import type { InstantMs } from "../time.ts";
import type { InstanceReport, InstanceService } from "./event.ts";
import { type Alarms, createAlarms } from "./memory/alarms.ts";
import type {
  AgentPackage,
  AgentUpgrade,
  AgentUpgradeReport,
  ManagementPolicy,
} from "./model/agent-upgrade.ts";
import type { Definition, Deployment } from "./model/deployment.ts";
import type { FleetRegistration, HaGroup } from "./model/fleet-node.ts";
import type { Instance, Release, UpgradeSlot } from "./model/instance.ts";
import type { Rollout, RolloutOrder } from "./model/rollout.ts";

/** What the store has to show before the instance is looked at again: the fleet's own last write. */
export type Expected =
  | { readonly kind: "record"; readonly release: Release; readonly requested: RequestedState }
  | { readonly kind: "removal" };

/** Of an instance, what its deployment's sums have of it. */
export interface Share {
  readonly done: boolean;
  readonly failed: boolean;
  readonly under: boolean;
  /** Under an upgrade that has given up what the deployment wants. */
  readonly failing: boolean;
  /** It has to be changed, or was changed and is not judged yet. */
  readonly todo: boolean;
  readonly todoOffline: boolean;
  /** It cannot be changed as long as another member has failed. */
  readonly stuck: boolean;
  /** It waits for its turn. */
  readonly waiting: boolean;
  /** In no HA group that orders it. */
  readonly pooled: boolean;
  /** Pooled, on a node that is there, and without a healthy copy although it could have one. */
  readonly unavailable: boolean;
}

/** One instance in memory. */
export interface Copy {
  /** As it was last written. */
  instance: Instance;
  /** Undefined: nothing of it is on its way to the store. */
  expected: Expected | undefined;
  /** Releases that may run there, the best first; undefined: to be worked out. */
  candidates: readonly Release[] | undefined;
  /** Why there are none. */
  refusal: string;
  /** Healthy without interruption since then; undefined: it is not. */
  healthySinceMs: InstantMs | undefined;
  /** An attempt's time counts from here at the earliest; undefined: from its beginning. */
  clockFromMs: InstantMs | undefined;
  /** Its attempt's time stands still: nobody could make it healthy now. */
  isClockStopped: boolean;
  share: Share | undefined;
  /** How its group last saw it; empty: not yet. */
  look: string;
  /** The last look at its group found that it cannot be changed while another member has failed. */
  isStuck: boolean;
  /** The group that it waits in; undefined: it does not, or in the pool. */
  waitsInGroup: string | undefined;
}

/** How many instances of a deployment are how. */
export type Sums = { -readonly [Key in keyof Share]: number };

/** An instruction of the manager, as far as it matters here. */
export interface InstanceStatus {
  readonly state: ManagerState;
  readonly uid: InstructionUid;
  readonly suspended: boolean;
}

/** A person's word about a rollout. */
export interface PendingOrder {
  readonly id: string;
  readonly order: RolloutOrder;
  readonly by: string;
}

/** All that the fleet knows; changed in place inside `stepFleet`, and nowhere else. */
export interface FleetState {
  /** Makes the ids that this fleet gives differ from those of every other one. */
  readonly uidPrefix: string;
  uidCount: number;
  /** Until everything is loaded, events only fill the mirror. */
  loaded: boolean;
  armed: boolean;
  /** Nothing new is begun; what is under way is brought to its end. */
  frozen: boolean;
  /** Registered ones. */
  readonly nodes: Map<NodeId, FleetRegistration>;
  /** Stands for all that a node's compatibility rests on. */
  readonly nodeKeys: Map<NodeId, string>;
  readonly epochs: Map<NodeId, { readonly epoch: Epoch; readonly fenced: boolean }>;
  readonly leases: Map<NodeId, Epoch>;
  readonly groupOf: Map<NodeId, string>;
  readonly groups: Map<string, HaGroup>;
  readonly members: Map<string, Set<NodeId>>;
  readonly definitions: Map<ServiceId, Map<string, Definition>>;
  readonly deployments: Map<string, Deployment>;
  /** Stands for a deployment's generation and those of its versions that are defined. */
  readonly deploymentKeys: Map<string, string>;
  readonly deploymentsOf: Map<ServiceId, Set<string>>;
  readonly copies: Map<string, Map<NodeId, Copy>>;
  readonly copiesOn: Map<NodeId, Set<string>>;
  readonly sums: Map<string, Sums>;
  readonly services: Map<ServiceId, InstanceService>;
  readonly statuses: Map<ServiceId, InstanceStatus>;
  readonly reports: Map<ServiceId, InstanceReport>;
  readonly slots: Map<string, UpgradeSlot>;
  /** Services of instances that nobody remembers. */
  readonly strays: Set<ServiceId>;
  /** Deployments that upgrade the node now. */
  readonly upgradingOn: Map<NodeId, Set<string>>;
  readonly waitingInGroup: Map<string, Set<Copy>>;
  readonly waitingInPool: Map<string, Set<Copy>>;
  /** Those that are kept, the first one first. */
  readonly rollouts: Map<string, readonly Rollout[]>;
  readonly orders: Map<string, PendingOrder>;
  /** `<deployment>/<rollout>/<group>` that offline members were warned of. */
  readonly warned: Set<string>;
  readonly policies: Map<string, ManagementPolicy>;
  readonly packages: Map<string, AgentPackage>;
  readonly agentUpgrades: Map<NodeId, AgentUpgrade>;
  readonly agentReports: Map<NodeId, AgentUpgradeReport>;
  /** Nodes whose agents have downloaded and wait for their turn, by group; under "" those in none. */
  readonly agentsWaiting: Map<string, Set<NodeId>>;
  /** Where each of them waits. */
  readonly agentWaitsIn: Map<NodeId, string>;
  /** Nodes whose agents are told to download, and have not done so yet. */
  readonly fetching: Set<NodeId>;
  /** Nodes that are to download as soon as fewer do. */
  readonly waitingToFetch: Set<NodeId>;
  /** Nodes whose agents are told to install, by policy. */
  readonly installing: Map<string, Set<NodeId>>;
  /** Nodes that more than one policy chooses, with the names that were told. */
  readonly conflicts: Map<NodeId, string>;
  readonly alarms: Alarms;
  readonly dirty: Dirty;
}

/** What is looked at before the step ends. */
export interface Dirty {
  /** By deployment: nodes whose instances, or lack of one, are looked at. */
  readonly copies: Map<string, Set<NodeId>>;
  readonly deployments: Set<string>;
  readonly groups: Set<string>;
  readonly pools: Set<string>;
  readonly agents: Set<NodeId>;
  agentPools: boolean;
}

/** What a new fleet has to be told. */
export interface FleetStateOptions {
  /** Unique for each election, e.g. its revision. */
  readonly uidPrefix?: string;
}

/** An empty fleet that waits to be told what there is. */
export function createFleetState(options: FleetStateOptions = {}): FleetState {
  return {
    uidPrefix: options.uidPrefix ?? "fleet",
    uidCount: 0,
    loaded: false,
    armed: true,
    frozen: false,
    nodes: new Map(),
    nodeKeys: new Map(),
    epochs: new Map(),
    leases: new Map(),
    groupOf: new Map(),
    groups: new Map(),
    members: new Map(),
    definitions: new Map(),
    deployments: new Map(),
    deploymentKeys: new Map(),
    deploymentsOf: new Map(),
    copies: new Map(),
    copiesOn: new Map(),
    sums: new Map(),
    services: new Map(),
    statuses: new Map(),
    reports: new Map(),
    slots: new Map(),
    strays: new Set(),
    upgradingOn: new Map(),
    waitingInGroup: new Map(),
    waitingInPool: new Map(),
    rollouts: new Map(),
    orders: new Map(),
    warned: new Set(),
    policies: new Map(),
    packages: new Map(),
    agentUpgrades: new Map(),
    agentReports: new Map(),
    agentsWaiting: new Map(),
    agentWaitsIn: new Map(),
    fetching: new Set(),
    waitingToFetch: new Set(),
    installing: new Map(),
    conflicts: new Map(),
    alarms: createAlarms(),
    dirty: {
      copies: new Map(),
      deployments: new Set(),
      groups: new Set(),
      pools: new Set(),
      agents: new Set(),
      agentPools: false,
    },
  };
}
