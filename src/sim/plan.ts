/**
 * What the simulator plays: a cluster, its faults and orders in time, and how fast its parts react. Scenario files,
 * the fuzzer, the interactive cluster and "what if" all make one of these.
 */
import type { Properties } from "../core/constraints/constraint.ts";
import type { Epoch, NodeId, ServiceId } from "../core/ids.ts";
import type { Capacity } from "../core/model/capacity.ts";
import type { Freeze } from "../core/model/freeze.ts";
import type { NodeMode, NodeOrder } from "../core/model/node-mode.ts";
import type { PlacementGroup, Rule } from "../core/model/rule.ts";
import type { RequestedState } from "../core/model/service.ts";
import type { StatusRecord } from "../wire/records.ts";
import type { Settings } from "../wire/settings.ts";
import type { FleetAction, FleetPlan } from "./fleet-plan.ts";

/**
 * A clock can be made to run so many millionths fast or slow: a hundred times the bound that safety rests on, and
 * far from a clock that stands still, at which a play would never end.
 */
export const clockErrorPpmMax = 100_000;

/** How quickly the parts of the simulated cluster react. Milliseconds of virtual time. */
export interface Pace {
  /** 0: manager and agents react to each event at once, as in production; else they look once a round. */
  readonly roundMs: number;
  /** A start, stop or move takes so long. */
  readonly operationMs: number;
  /** One way over the network, without faults. */
  readonly messageMs: number;
  /** One store operation, without faults. */
  readonly storeMs: number;
  /** From power on to the running agent and server. */
  readonly bootMs: number;
  /** Servers tell the manager at once when an agent is no longer heard, not only when its lease has ended. */
  readonly presence: boolean;
  /**
   * `reset`: each node has a kernel watchdog that resets the whole node. It is armed with the first tracked service
   * and stays armed for `idleAfterMs` after the last one. `guard`: a guard process kills the workloads.
   */
  readonly watchdog: "guard" | "reset";
  readonly idleAfterMs: number;
  /** How long the manager's election outlives its holder. */
  readonly electionTtlMs: number;
}

export interface NodePlan {
  readonly node: NodeId;
  readonly power: "on" | "off";
  readonly network: "on" | "off";
  readonly capacity: Capacity | undefined;
  /** It takes only services that tolerate all of these. */
  readonly taints: readonly string[];
  /** A server runs here too and has a vote in the store. */
  readonly server: boolean;
  /** What people have set; undefined: nothing. */
  readonly properties?: Properties | undefined;
  /** What it asks of deployments. */
  readonly constraint?: string | undefined;
}

/** How a workload misbehaves; counting starts again after a success. */
export interface Misbehaviour {
  readonly failingStarts: number;
  readonly failingMoves: number;
  readonly cannotStop: boolean;
  readonly missing: boolean;
  /** Failing starts and moves hold on this node only. */
  readonly onlyOn: NodeId | undefined;
}

export interface ServicePlan {
  readonly id: ServiceId;
  /** Where it is configured at the start. */
  readonly node: NodeId | undefined;
  readonly state: RequestedState;
  readonly group: string | undefined;
  readonly failback: boolean;
  readonly autoRebalance: boolean;
  readonly maxRestart: number;
  readonly maxRelocate: number;
  readonly onIsolation: "stop" | "keep";
  readonly limits: Capacity | undefined;
  readonly mayOvercommit: boolean;
  readonly after: readonly ServiceId[];
  readonly requires: readonly ServiceId[];
  readonly priority: number;
  readonly tolerations: readonly string[];
  /** Bound to the node that it has run on. */
  readonly volumes: readonly string[];
  /** How it moves: `live` while it runs, `cold` by a hand-over that can fail, `stop` by stop and start only. */
  readonly moveBy: "live" | "cold" | "stop";
  readonly misbehaviour: Misbehaviour | undefined;
  /** A lock that makes start, stop and move fail. */
  readonly lock: string | undefined;
}

/** One thing that is done to the cluster. */
export type Action =
  | { readonly kind: "power"; readonly node: NodeId; readonly on: boolean }
  | { readonly kind: "network"; readonly node: NodeId; readonly on: boolean }
  /** Messages from one node to the other are lost (one direction), or no longer. */
  | { readonly kind: "cut"; readonly from: NodeId; readonly to: NodeId; readonly on: boolean }
  /** Extra delay, loss and reordering of every message to and from the node; all 0: none. */
  | {
      readonly kind: "link";
      readonly node: NodeId;
      readonly delayMs: number;
      /** 0 to 1. */
      readonly lossShare: number;
      /** Each message is delayed by up to so much more, at random. */
      readonly jitterMs: number;
    }
  | {
      readonly kind: "pause";
      readonly node: NodeId;
      readonly part: "agent" | "server" | "guard";
      readonly on: boolean;
    }
  /** The process dies and is started again after `restartAfterMs`. */
  | {
      readonly kind: "crash";
      readonly node: NodeId;
      readonly part: "agent" | "server";
      readonly restartAfterMs: number;
    }
  /**
   * Whoever is manager dies with its server right after its next `afterWrites` writes have taken effect; 0: a crash
   * that was planned so and has not come yet is called off.
   */
  | {
      readonly kind: "crash-manager";
      readonly afterWrites: number;
      readonly restartAfterMs: number;
    }
  /** The rate of the node's clock, in parts per million of error. */
  | { readonly kind: "clock"; readonly node: NodeId; readonly ppm: number }
  | {
      readonly kind: "store";
      readonly mode: "ok" | "unavailable" | "slow" | "read-only";
      readonly server: NodeId | undefined;
    }
  | {
      readonly kind: "driver";
      readonly service: ServiceId;
      readonly misbehaviour: Misbehaviour | undefined;
      readonly hangs: boolean;
    }
  /** The workload ends by itself. */
  | { readonly kind: "workload-exit"; readonly service: ServiceId }
  | { readonly kind: "reboot" | "shutdown" | "restart-agent"; readonly node: NodeId }
  | { readonly kind: "stop-server"; readonly node: NodeId }
  | {
      readonly kind: "skip-rounds";
      readonly part: "manager" | "agents";
      readonly node: NodeId | undefined;
      readonly count: number;
    }
  | { readonly kind: "maintenance"; readonly node: NodeId; readonly on: boolean }
  /** A person disables, flushes or enables the node, or puts it offline. */
  | { readonly kind: "node-mode"; readonly node: NodeId; readonly order: NodeOrder }
  | { readonly kind: "confirm-off"; readonly node: NodeId }
  /** A person closes the node to services that do not tolerate this, or opens it again. */
  | { readonly kind: "taint"; readonly node: NodeId; readonly name: string; readonly on: boolean }
  /** A person takes the node out of the cluster. */
  | { readonly kind: "remove-node"; readonly node: NodeId }
  | { readonly kind: "arming"; readonly mode: "armed" | "freeze" | "ignore" }
  /** A person has all other persons' changes refused; undefined `forMs`: until it is taken back. */
  | {
      readonly kind: "freeze";
      readonly failover: "goes-on" | "held";
      readonly forMs: number | undefined;
    }
  | { readonly kind: "unfreeze" }
  | { readonly kind: "request"; readonly service: ServiceId; readonly state: RequestedState }
  | {
      readonly kind: "move";
      readonly service: ServiceId;
      readonly by: "migrate" | "relocate";
      readonly target: NodeId;
    }
  | { readonly kind: "stop"; readonly service: ServiceId; readonly timeoutMs: number }
  /** A person moved it by hand, behind the manager's back, and says so. */
  | { readonly kind: "located"; readonly service: ServiceId; readonly node: NodeId }
  /** `running`: it runs on its node already. */
  | { readonly kind: "add"; readonly service: ServicePlan; readonly running: boolean }
  /** `release`: no longer managed, left as it is; else it is stopped first. */
  | { readonly kind: "remove"; readonly service: ServiceId; readonly release: boolean }
  | { readonly kind: "lock"; readonly service: ServiceId; readonly name: string | undefined }
  /** Undefined fields stay. */
  | {
      readonly kind: "limits" | "usage";
      readonly service: ServiceId;
      readonly cpuCores: number | undefined;
      readonly memoryBytes: number | undefined;
    }
  | { readonly kind: "put-group"; readonly group: PlacementGroup }
  | { readonly kind: "put-rule"; readonly rule: Rule }
  | { readonly kind: "remove-group" | "remove-rule"; readonly name: string }
  | { readonly kind: "settings"; readonly settings: Settings }
  | FleetAction;

export interface TimedAction {
  readonly atMs: number;
  readonly action: Action;
}

/** What the manager before had written, and what runs, when the play begins with a cluster that lives already. */
export interface InitialState {
  readonly statuses: readonly StatusRecord[];
  readonly nodeStates: readonly {
    readonly node: NodeId;
    readonly state: "online" | "maintenance" | "unknown" | "fence" | "gone";
    /** Of the lease that it holds, or held last; undefined: what its services' statuses say. */
    readonly epoch?: Epoch;
  }[];
  readonly running: readonly { readonly service: ServiceId; readonly node: NodeId }[];
  /** Nodes for which a person had asked for maintenance. */
  readonly maintenance?: readonly NodeId[];
  /** Nodes that a person had disabled, flushed or put offline. */
  readonly modes?: readonly { readonly node: NodeId; readonly mode: NodeMode }[];
  /** What a person had asked for; undefined: armed. */
  readonly arming?: "armed" | "freeze" | "ignore";
  /** A person had frozen the cluster, without an end; undefined: nobody. A scenario has a step of its own for it. */
  readonly freeze?: Omit<Freeze, "untilMs"> | undefined;
  /** Services that a person had removed and that are not stopped yet. */
  readonly removing?: readonly ServiceId[];
}

export interface Plan {
  readonly name: string;
  /** Of every random choice: jitter, loss, which server an agent asks first. */
  readonly seed: number;
  readonly settings: Settings;
  readonly pace: Pace;
  readonly nodes: readonly NodePlan[];
  readonly services: readonly ServicePlan[];
  readonly groups: readonly PlacementGroup[];
  readonly rules: readonly Rule[];
  /** Measured use at the start. */
  readonly usage: readonly { readonly service: ServiceId; readonly use: Capacity }[];
  readonly initial: InitialState | undefined;
  /** Undefined: nothing of it is there when the play begins. */
  readonly fleet?: FleetPlan | undefined;
  /** In order of time. */
  readonly actions: readonly TimedAction[];
  readonly endAtMs: number;
}
