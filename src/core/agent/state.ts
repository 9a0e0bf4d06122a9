/**
 * What the machine on a node remembers: its lease, and for each service what it was told and what runs here.
 * The state is updated in place by `step` and by nothing else.
 */
import { assert } from "../assert.ts";
import type { Epoch, InstructionUid, NodeId, ServiceId } from "../ids.ts";
import type { AgentMode } from "../model/node.ts";
import type { ManagerState, ReportResult } from "../model/service.ts";
import type { InstantMs } from "../time.ts";
import { type Agenda, type Common, createAgenda } from "./agenda.ts";

/** One instruction of the manager, with those parts of the configuration that the machine decides by. */
export interface AgentInstruction {
  readonly service: ServiceId;
  readonly uid: InstructionUid;
  readonly state: ManagerState;
  readonly node: NodeId;
  /** The instruction holds under this epoch of the node's lease and no other. */
  readonly nodeEpoch: Epoch;
  /** Of `migrate`, `relocate` and `request_start_balance`: where to. */
  readonly target?: NodeId | undefined;
  /** How its driver moves it; `stop` (the default): it is only stopped here, and started there. */
  readonly moveBy?: "live" | "cold" | "stop" | undefined;
  /** The cluster is disarmed: left alone whatever the state says. */
  readonly suspended?: boolean | undefined;
  /** It was recovered from a dead node, whose locks on it may be removed. */
  readonly clearLocks?: boolean | undefined;
  /** How long a stop may take; undefined: the configuration's own time-out. */
  readonly stopTimeoutMs: number | undefined;
  /** The manager recovers it elsewhere only after a confirmation: the guard leaves it alone. */
  readonly survivesIsolation: boolean;
  /** Failed starts and crashes that are retried here before the service is reported as failed. */
  readonly restartCountMax: number;
  readonly restartDelayMs: number;
  readonly restartDelayMsMax: number;
  /** After running for so long, earlier failures are forgotten. */
  readonly restartResetAfterMs: number;
  /** Differs when a running copy must be restarted for a changed configuration to take effect. */
  readonly restartKey: string;
  /** Differs when anything in the configuration changed. */
  readonly configurationKey: string;
  /** Revision of the configuration, for reports. */
  readonly configRevision: number;
}

/** `unknown`: found on disk, no server was heard yet. `gone`: the service is no longer this node's. */
export type Assignment =
  | { readonly kind: "unknown" }
  | { readonly kind: "gone" }
  | { readonly kind: "given"; readonly instruction: AgentInstruction };

/** What runs of a service. Every phase with an `instanceId` may have live processes. */
export type Phase =
  /** Nothing runs; nothing is tried before `retryAtMs`. */
  | { readonly kind: "down"; readonly retryAtMs: number }
  | { readonly kind: "confirming"; readonly uid: InstructionUid; readonly epoch: Epoch }
  | {
      readonly kind: "starting";
      readonly instanceId: string;
      readonly restartKey: string;
      /** It was told to end while it was starting. */
      readonly aborting: boolean;
    }
  | {
      readonly kind: "running";
      readonly instanceId: string;
      readonly restartKey: string;
      readonly sinceMs: number;
    }
  /** Its driver moves it away; `instanceId` is undefined when nothing of it ran here. */
  | {
      readonly kind: "moving";
      readonly instanceId: string | undefined;
      readonly restartKey: string;
      readonly sinceMs: number;
      readonly uid: InstructionUid;
    }
  | {
      readonly kind: "stopping";
      readonly instanceId: string;
      /** What its end counts as. */
      readonly endsAs: "stay-down" | "restart" | "crash";
      readonly detail: string;
      /** It was begun to keep S3, and counts against no limit. */
      readonly urgent: boolean;
    }
  /** A stop did not succeed: something of it may be alive. Killed again and again. */
  | {
      readonly kind: "stuck";
      readonly instanceId: string;
      readonly retryAtMs: number;
      readonly detail: string;
    }
  /** It failed under this uid more often than allowed, and stays down until there is another one. */
  | { readonly kind: "failed"; readonly uid: InstructionUid; readonly detail: string };

/** Health as it is reported; `none`: there is no health check. */
export type ReportedHealth = "none" | "starting" | "healthy" | "unhealthy";

/** What the manager has to be told. A newer one replaces it. */
export interface ReportContent {
  readonly uid: InstructionUid;
  readonly epoch: Epoch;
  readonly result: ReportResult;
  readonly detail: string;
  readonly health: ReportedHealth;
  /** Of `running`: it has run for `restartResetAfterMs`. */
  readonly stable: boolean;
  /** The revision of the configuration that this is about. */
  readonly configRevision: number;
}
export interface PendingReport {
  readonly content: ReportContent;
  /** Tells its answer from the answer to an older one. */
  readonly sequence: number;
  readonly progress: "due" | "sending" | "settled";
  readonly retryAtMs: number;
  readonly failureCount: number;
}

/** `moved`: nothing of it is here any more. */
export interface MoveOutcome {
  readonly uid: InstructionUid;
  readonly result: "moved" | "failed" | "wrong-node";
  readonly detail: string;
}

/** What the manager was told, or has to be told, of what this agent is about to do. */
export interface ModeReport {
  readonly mode: AgentMode;
  readonly sequence: number;
  readonly progress: "due" | "sending" | "told";
  readonly retryAtMs: number;
  readonly failureCount: number;
}

/** The agent is on its way out. */
export interface Leaving {
  readonly how: "restart" | "freeze" | "failover" | "migrate";
  readonly deadlineMs: InstantMs;
}

/** All that is known about one service on this node. */
export interface Slot {
  readonly service: ServiceId;
  /** Grows from slot to slot: what concerns several is done in the order in which they were made. */
  readonly ordinal: number;
  assignment: Assignment;
  phase: Phase;
  /** The guard kills it at the deadline. */
  tracked: boolean;
  /** Under this uid and epoch it may be started again without asking (S2). */
  owned: { readonly uid: InstructionUid; readonly epoch: Epoch } | undefined;
  /** Failed starts and crashes under `failureUid` that are not forgotten. */
  failureCount: number;
  failureUid: InstructionUid | undefined;
  /** Confirmations in a row that were not answered, or answered with no. */
  confirmFailureCount: number;
  health: ReportedHealth;
  /** What became of the last move that was asked of this node. */
  moveOutcome: MoveOutcome | undefined;
  /** The last configuration that the driver was told. */
  configurationKey: string | undefined;
  report: PendingReport | undefined;
}

/** The lease that the node holds, in instants of its monotonic clock. */
export interface AgentLease {
  readonly epoch: Epoch;
  /** From here on nothing that could be started elsewhere may run (S3). */
  readonly runUntilMs: InstantMs;
  /** From here on, without a renewal, what must end is asked to end. */
  readonly isolateAtMs: number;
}

/** The whole memory of the machine on a node. */
export interface AgentState {
  readonly node: NodeId;
  /** Makes instance ids unique across restarts of the agent. */
  readonly instancePrefix: string;
  /** Starts, stops and moves that may go on at a time. */
  operationCountMax: number;
  lease: AgentLease | undefined;
  /** The deadline is near: services are being asked to end. */
  isolating: boolean;
  /** A new lease was asked for and has not come yet. */
  leaseRequested: boolean;
  /** Everything is to be stopped because the agent ends for good; `released`: it goes on without this agent. */
  closing: Common["closing"];
  leaving: Leaving | undefined;
  mode: ModeReport;
  readonly slots: Map<ServiceId, Slot>;
  readonly agenda: Agenda;
  /** Slots that were ever made. */
  slotCount: number;
  instanceCount: number;
  reportCount: number;
}

/** What a new agent has to be told. */
export interface AgentStateOptions {
  readonly node: NodeId;
  readonly instancePrefix: string;
  /** Default: 4. */
  readonly operationCountMax?: number;
}

/** The state of an agent that has neither a lease nor services. */
export function createAgentState(options: AgentStateOptions): AgentState {
  const operationCountMax = options.operationCountMax ?? 4;
  assert(operationCountMax >= 1, "at least one operation may go on at a time");
  return {
    node: options.node,
    instancePrefix: options.instancePrefix,
    operationCountMax,
    lease: undefined,
    isolating: false,
    leaseRequested: false,
    closing: "no",
    leaving: undefined,
    mode: { mode: "active", sequence: 1, progress: "due", retryAtMs: 0, failureCount: 0 },
    slots: new Map(),
    agenda: createAgenda(),
    slotCount: 0,
    instanceCount: 0,
    reportCount: 0,
  };
}

/** The slot of a service, to be changed: it is looked at before the step ends. Undefined: there is none. */
export function knownSlotOf(state: AgentState, service: ServiceId): Slot | undefined {
  const known = state.slots.get(service);
  if (known !== undefined) state.agenda.dirty.add(service);
  return known;
}

/** The same, made empty if there is none. */
export function slotOf(state: AgentState, service: ServiceId): Slot {
  return knownSlotOf(state, service) ?? makeSlot(state, service);
}

function makeSlot(state: AgentState, service: ServiceId): Slot {
  state.slotCount += 1;
  const slot: Slot = {
    service,
    ordinal: state.slotCount,
    assignment: { kind: "unknown" },
    phase: { kind: "down", retryAtMs: 0 },
    tracked: false,
    owned: undefined,
    failureCount: 0,
    failureUid: undefined,
    confirmFailureCount: 0,
    health: "none",
    moveOutcome: undefined,
    configurationKey: undefined,
    report: undefined,
  };
  state.slots.set(service, slot);
  state.agenda.dirty.add(service);
  return slot;
}

/** The instance that may have live processes, or undefined: nothing of the service runs here. */
export function liveInstanceOf(phase: Phase): string | undefined {
  return "instanceId" in phase ? phase.instanceId : undefined; // of a move without a copy it is undefined too
}

/** When a running service has run for so long that its earlier failures no longer count; undefined: not running. */
export function stableAt(slot: Slot): number | undefined {
  if (slot.phase.kind !== "running" || slot.assignment.kind !== "given") return undefined;
  return slot.phase.sinceMs + slot.assignment.instruction.restartResetAfterMs;
}
