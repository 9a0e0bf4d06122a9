/**
 * What the manager knows: a mirror of the store's facts with the indexes that keep the work of an event with
 * what it concerns. Changed in place inside `step`, and nowhere else.
 */
import type { Epoch, NodeId, ServiceId } from "../ids.ts";
import type { Capacity } from "../model/capacity.ts";
import type { Freeze } from "../model/freeze.ts";
import type { ManagedNode } from "../model/node.ts";
import type { PlacementGroup, Rule } from "../model/rule.ts";
import type { Service, ServiceCommand, ServiceReport, ServiceStatus } from "../model/service.ts";
import { type ClusterSettings, defaultSettings } from "../model/settings.ts";
import { emptyRulebook, type Rulebook } from "../placement/rulebook.ts";
import type { InstantMs } from "../time.ts";
import type { ArmingState } from "./effect.ts";
import type { ArmingMode } from "./event.ts";
import type { Tallies } from "./memory/tally.ts";
import { createTallies } from "./memory/tally.ts";

export interface ManagerState {
  /** Makes this manager's instruction uids differ from every other manager's. */
  readonly uidPrefix: string;
  uidCount: number;
  /** Until everything is loaded, events only fill the mirror. */
  loaded: boolean;
  settings: ClusterSettings;
  arming: ArmingMode;
  armingState: ArmingState;
  /** In force; undefined: the cluster is not frozen. */
  freeze: Freeze | undefined;
  /** Services that have to wait with being disarmed until nothing moves any more. */
  readonly held: Set<ServiceId>;
  readonly nodes: Map<NodeId, ManagedNode>;
  /** Nodes that take services, in order of id. */
  online: readonly NodeId[];
  readonly services: Map<ServiceId, Service>;
  readonly statuses: Map<ServiceId, ServiceStatus>;
  /** The last report on each service; counts only while its uid is the status's. */
  readonly reports: Map<ServiceId, ServiceReport>;
  readonly commands: Map<ServiceId, ServiceCommand>;
  /** What services use, as measured. */
  readonly usages: Map<ServiceId, Capacity>;
  readonly rules: Map<string, Rule>;
  readonly groups: Map<string, PlacementGroup>;
  readonly membersOf: Map<string, Set<ServiceId>>;
  /** Services that rules name, whether there are any or not. */
  ruleServices: ReadonlySet<ServiceId>;
  rulebook: Rulebook;
  /** Rules, groups, nodes or services that rules name have changed since `rulebook` was made. */
  rulebookStale: boolean;
  /** What a manager before may have left written of rejected rules was brought up to date. */
  toldRejections: boolean;
  /** What each node carries. */
  readonly tallies: Tallies;
  /** Services whose `node` is this one. */
  readonly servicesOn: Map<NodeId, Set<ServiceId>>;
  /** Services that left the node for its maintenance and go back there. */
  readonly returningTo: Map<NodeId, Set<ServiceId>>;
  /** Services that name this one in `after` or `requires`. */
  readonly dependentsOf: Map<ServiceId, Set<ServiceId>>;
  /** Services that would go somewhere and find no node: `queued`, `recovery`, on a node in maintenance. */
  readonly waiting: Set<ServiceId>;
  /** Services in `fence`, `recovery` or on a move. */
  readonly unsettled: Set<ServiceId>;
  /** Services that are not looked at for a move before this instant, because the last one failed. */
  readonly retryAt: Map<ServiceId, InstantMs>;
  /** Nodes for which `fence-node` was asked and not answered yet. */
  readonly fencing: Set<NodeId>;
  /** Nodes without a lease that are still younger than `suspectMs`. */
  readonly suspects: Set<NodeId>;
  /** Up to and including this epoch all that ran on the node is dead: its kernel watchdog has reset it. */
  readonly resets: Map<NodeId, Epoch>;
  readonly registered: Set<NodeId>;
  /** Nodes that are registered no longer and not forgotten yet. */
  readonly gone: Set<NodeId>;
  /** Nodes that were up once and are lost now; those that are offline by a person's word are not. */
  readonly lost: Set<NodeId>;
  /** None of them has been lost for longer; the one that it was may be back. */
  lostSinceMs: InstantMs | undefined;
  /** Registered nodes that are not up, and not in maintenance or offline, those that never came included. */
  readonly missing: Set<NodeId>;
  /** Nodes that are not open to every service: tainted ones, those not enabled, and those whose agent is about to leave. */
  readonly restricted: Set<NodeId>;
  /** The node whose purge was asked for and is not in the store yet. */
  purging: NodeId | undefined;
  readonly coldStart: ColdStartState;
  readonly brake: BrakeState;
  readonly balance: BalanceState;
  /** Services to look at before the step ends. */
  readonly dirty: Set<ServiceId>;
}

/** Of a cluster that starts. */
export interface ColdStartState {
  /** `new`: a new manager has not looked yet. `begun`: at least one node is online. */
  phase: "new" | "none-online" | "begun";
  /** Since when services without a node wait for known nodes to come in; undefined: they do not. */
  sinceMs: InstantMs | undefined;
}

/** What is said of the mass-failure brake. */
export interface BrakeCounts {
  readonly lostCount: number;
  readonly nodeCount: number;
  readonly recoveriesAtOnce: number;
}

/** Of the mass-failure brake. */
export interface BrakeState {
  active: boolean;
  /** The figures that were announced last; undefined: none since it was put on. */
  told: BrakeCounts | undefined;
  /** Who was recovered under it and does not run yet, and until when that holds up others. */
  readonly inFlight: Map<ServiceId, InstantMs>;
  /** For whom no node was found: they hold up nobody. */
  readonly unplaced: Set<ServiceId>;
  /** Who is decided about now, because it is the most important one that waits. */
  turn: ServiceId | undefined;
  /** How many nodes were lost when it was last looked at, and when one was lost last. */
  lostCount: number;
  lostAtMs: InstantMs | undefined;
  /** Nothing is recovered before this instant: more nodes may be about to be lost. */
  holdUntilMs: InstantMs | undefined;
}

/** Of auto-rebalance. */
export interface BalanceState {
  /** When the manager last looked. */
  lastRoundAtMs: InstantMs | undefined;
  /** Rounds in a row with too much imbalance. */
  imbalancedRounds: number;
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
    arming: "armed",
    armingState: "armed",
    freeze: undefined,
    held: new Set(),
    nodes: new Map(),
    online: [],
    services: new Map(),
    statuses: new Map(),
    reports: new Map(),
    commands: new Map(),
    usages: new Map(),
    rules: new Map(),
    groups: new Map(),
    membersOf: new Map(),
    ruleServices: new Set(),
    rulebook: emptyRulebook,
    rulebookStale: false,
    toldRejections: false,
    tallies: createTallies(),
    servicesOn: new Map(),
    returningTo: new Map(),
    dependentsOf: new Map(),
    waiting: new Set(),
    unsettled: new Set(),
    retryAt: new Map(),
    fencing: new Set(),
    suspects: new Set(),
    resets: new Map(),
    registered: new Set(),
    gone: new Set(),
    lost: new Set(),
    lostSinceMs: undefined,
    missing: new Set(),
    restricted: new Set(),
    purging: undefined,
    coldStart: { phase: "new", sinceMs: undefined },
    brake: {
      active: false,
      told: undefined,
      inFlight: new Map(),
      unplaced: new Set(),
      turn: undefined,
      lostCount: 0,
      lostAtMs: undefined,
      holdUntilMs: undefined,
    },
    balance: { lastRoundAtMs: undefined, imbalancedRounds: 0 },
    dirty: new Set(),
  };
}
