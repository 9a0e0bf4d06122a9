/** What the manager knows of a service: what a person wants of it, and what it was last told to be. */

import type { Reason } from "../explain/reason.ts";
import type { Epoch, InstructionUid, NodeId, ServiceId } from "../ids.ts";
import type { InstantMs } from "../time.ts";
import type { Capacity } from "./capacity.ts";

/** What a person wants: `disabled` is also the way out of `error`; `ignored` is left as it is. */
export type RequestedState = "started" | "stopped" | "disabled" | "ignored";
export const requestedStates = ["started", "stopped", "disabled", "ignored"] as const;

/**
 * What a node does with a service when it loses its lease. `stop`: kill it, so that it can be recovered
 * elsewhere at once. `keep`: let it run; recovered only after its node was confirmed off (S3).
 */
export type OnIsolation = "stop" | "keep";
export const isolationPolicies = ["stop", "keep"] as const;

/** A service as the manager decides about it; the driver's configuration is no matter of the manager. */
export interface Service {
  readonly id: ServiceId;
  readonly requested: RequestedState;
  /** Failed starts that are retried on the node before it is reported as failed. */
  readonly maxRestart: number;
  /** Failed nodes after which it is tried on another one before it goes to `error`. */
  readonly maxRelocate: number;
  readonly onIsolation: OnIsolation;
  /** Where it is placed first if that node is online; then placement decides. */
  readonly home: NodeId | undefined;
  /** A person removed it: stop it wherever it is, then forget it. */
  readonly removing: boolean;
  /** Its placement group; undefined: none. */
  readonly group: string | undefined;
  /** Goes back by itself to a node of higher priority. */
  readonly failback: boolean;
  /** It may be moved to even out load. */
  readonly autoRebalance: boolean;
  /** What it may use at most; undefined: nobody said, it counts as nothing. */
  readonly limits: Capacity | undefined;
  /** It may be placed where memory does not suffice. */
  readonly mayOvercommit: boolean;
  /** These must be running before it starts, if they are to run at all. */
  readonly after: readonly ServiceId[];
  /** It cannot do without these: it starts after them, and is stopped when one of them is not to run or in error. */
  readonly requires: readonly ServiceId[];
  /** Higher goes first when many are recovered at once. */
  readonly priority: number;
  /** It can move while it runs: moves that the manager decides are `migrate`, else `relocate`. */
  readonly movesLive: boolean;
  /** Taints of nodes that it may be placed on all the same. */
  readonly tolerations: readonly string[];
  /** Volumes on its node's own disks: where it has once run it stays, as long as that node is in the cluster. */
  readonly volumes: readonly string[];
}

/** The field's own words for what the manager is doing with a service; `docs/states/service.md`. */
export const managerStates = [
  "queued",
  "request_start",
  "request_start_balance",
  "started",
  "request_stop",
  "stopped",
  "migrate",
  "relocate",
  "freeze",
  "fence",
  "recovery",
  "error",
  "ignored",
] as const;
export type ManagerState = (typeof managerStates)[number];

/** States in which the service is on its way from `node` to `target`. */
export type MovingState = "migrate" | "relocate" | "request_start_balance";
export type SettledState = Exclude<ManagerState, MovingState | "queued">;

interface StatusBase {
  readonly service: ServiceId;
  /** Identity of this instruction: agents execute one uid once and report under it. */
  readonly uid: InstructionUid;
  /** Nodes where it failed to start since it last ran. */
  readonly failedNodes: readonly NodeId[];
  readonly sinceMs: InstantMs;
  readonly reason: Reason;
}

interface Placed {
  readonly node: NodeId;
  /** The epoch of `node` under which this instruction holds; a copy of an older epoch is dead or `keep`s. */
  readonly nodeEpoch: Epoch;
  /** When a person limits how long its stop may take; undefined: the driver's own time-out. */
  readonly stopTimeoutMs?: number | undefined;
  /**
   * The agent's order under this uid: true: the copy goes on without a lease, the guard leaves it alone
   * (`keep`, `ignored`); false: the guard kills it when the lease is lost.
   */
  readonly survivesIsolation: boolean;
  /**
   * A copy may run on `node` although the node's lease is lost: its order says so, or an earlier one did and
   * the agent has not yet confirmed, under this uid, that the guard watches the copy now (S1).
   */
  readonly mayOutliveLease: boolean;
  /** Where it was when that node went into maintenance: it goes back there. */
  readonly maintenanceNode?: NodeId | undefined;
  /** The node that its volumes are on: `node` itself, until that leaves the cluster. */
  readonly boundTo?: NodeId | undefined;
  /** The cluster is disarmed with `ignore`: its agent leaves it alone whatever the state says. */
  readonly suspended?: boolean | undefined;
  /** Recovered from a dead node, whose locks on it may be removed. */
  readonly clearLocks?: boolean | undefined;
}

/** No node yet: none was online since it was added. */
export type QueuedStatus = StatusBase & { readonly state: "queued" };
export type MovingStatus = StatusBase &
  Placed & { readonly state: MovingState; readonly target: NodeId };
export type SettledStatus = StatusBase & Placed & { readonly state: SettledState };
/** The manager's state of a service, which is at the same time the instruction to the agent of `node`. */
export type ServiceStatus = QueuedStatus | MovingStatus | SettledStatus;
export type PlacedStatus = MovingStatus | SettledStatus;

/** Whether the service has a node. */
export function isPlaced(status: ServiceStatus): status is PlacedStatus {
  return status.state !== "queued";
}

/** Whether the service is between two nodes. */
export function isMoving(status: ServiceStatus): status is MovingStatus {
  return (
    status.state === "migrate" ||
    status.state === "relocate" ||
    status.state === "request_start_balance"
  );
}

/** A person's order about one service. It has an id, so that it is carried out once. */
export interface ServiceCommand {
  readonly id: string;
  readonly kind: "migrate" | "relocate" | "stop" | "located";
  /** Of `migrate` and `relocate`: where to. Of `located`: where a person has moved it by hand. */
  readonly target: NodeId | undefined;
  /** Of `stop`: how long the service may take; undefined: the driver's own time-out. */
  readonly timeoutMs: number | undefined;
}

/** What an agent made of an instruction. `released`: it is left alone, and no watchdog kills it any more. */
export type ReportResult = (typeof reportResults)[number];
export const reportResults = [
  "running",
  "stopped",
  "failed",
  "wrong-node",
  "unknown-error",
  "released",
] as const;

/** What an agent says about one instruction, under its uid and epoch. */
export interface ServiceReport {
  readonly service: ServiceId;
  readonly node: NodeId;
  readonly epoch: Epoch;
  readonly uid: InstructionUid;
  readonly result: ReportResult;
  /** One sentence for a person: what failed and why. Empty when nothing did. */
  readonly detail: string;
  /** Of `running`: it has run for so long that earlier failures, here and elsewhere, no longer count. */
  readonly stable: boolean;
}
