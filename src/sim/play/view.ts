/** A picture of a cluster at one moment, as data: what the manager says, and what is true. Whoever draws needs no more. */

import { sentenceOf } from "../../core/explain/sentence.ts";
import type { NodeId, ServiceId } from "../../core/ids.ts";
import type { ArmingState } from "../../core/manager/effect.ts";
import type { ArmingMode } from "../../core/manager/event.ts";
import type { NodeState } from "../../core/model/node.ts";
import type { NodeMode } from "../../core/model/node-mode.ts";
import type { ManagerState, RequestedState } from "../../core/model/service.ts";
import { reasonOf } from "../../runtime/manager-records.ts";
import {
  armingRecordSchema,
  armingStateRecordSchema,
  keys,
  type ServiceRecord,
} from "../../wire/records.ts";
import { type Copy, isExecuting } from "../node/copies.ts";
import type { NodeFacts, World } from "../world.ts";

/** What a process does. `none`: there is none on this node. */
export type ProcessState = "runs" | "paused" | "down" | "none";

export interface NodeView {
  readonly node: NodeId;
  /** The manager's word; undefined: it has not seen the node yet. */
  readonly state: NodeState | undefined;
  readonly powered: boolean;
  readonly connected: boolean;
  /** It can talk with a majority of the servers. */
  readonly quorate: boolean;
  readonly agent: ProcessState;
  readonly server: ProcessState;
  readonly isManager: boolean;
  /** Until the store ends its lease unless it is renewed; undefined: it has none. */
  readonly leaseLeftMs: number | undefined;
  /** Until its watchdog kills or resets; undefined: it has nothing to act on. */
  readonly watchdogLeftMs: number | undefined;
  readonly watchdogPaused: boolean;
  readonly maintenance: boolean;
  readonly mode: NodeMode;
  /** Services that run here in truth. */
  readonly running: readonly ServiceId[];
}

export interface ServiceView {
  readonly service: ServiceId;
  /** `new`: the manager has not seen it yet. */
  readonly state: ManagerState | "new";
  readonly node: NodeId | undefined;
  readonly target: NodeId | undefined;
  readonly requested: RequestedState;
  /** For how long it has been in this state. */
  readonly forMs: number;
  readonly reason: string;
  /** Nodes on which a copy executes in truth. */
  readonly runsOn: readonly NodeId[];
  /** Starting, stopping or executing, as its driver sees it; undefined: nothing of it is anywhere. */
  readonly copyState: Copy["state"] | undefined;
}

export interface ClusterView {
  readonly atMs: number;
  /** More than one believe so only while one of them is about to notice. */
  readonly managers: readonly NodeId[];
  readonly arming: { readonly mode: ArmingMode; readonly state: ArmingState };
  /** In the order of the plan. */
  readonly nodes: readonly NodeView[];
  /** In order of id. */
  readonly services: readonly ServiceView[];
  /** Safety rules that were broken so far: none, unless Holdfast has a fault. */
  readonly brokenRules: readonly string[];
}

/** What a picture is made of. */
interface Seen {
  readonly world: World;
  readonly violations: readonly { readonly rule: string }[];
}

/** The picture of the present moment. */
export function clusterViewOf({ world, violations }: Seen): ClusterView {
  const managers = world.managers().map(({ node }) => node);
  return {
    atMs: world.nowMs,
    managers,
    arming: armingOf(world),
    nodes: world.nodes().map((facts) => nodeView(world, facts, managers)),
    services: world.services().map((record) => serviceView(world, record)),
    brokenRules: [...new Set(violations.map(({ rule }) => rule))],
  };
}

function armingOf({ store }: World): ClusterView["arming"] {
  const mode = armingRecordSchema.safeParse(store.get(keys.arming)?.value);
  const state = armingStateRecordSchema.safeParse(store.get(keys.armingState)?.value);
  return {
    mode: mode.success ? mode.data.mode : "armed",
    state: state.success ? state.data.state : "armed",
  };
}

function nodeView(world: World, facts: NodeFacts, managers: readonly NodeId[]): NodeView {
  const { node, powered, connected, paused, watchdogAtMs, localMs } = facts;
  const lease = world.leaseOf(node);
  const hasServer = world.plan.nodes.some((plan) => plan.node === node && plan.server);
  const running = [...world.copies.values()].filter((copy) => copy.node === node && runs(copy));
  return {
    node,
    state: world.nodeStateOf(node),
    powered,
    connected,
    quorate: world.isQuorate(node),
    agent: processState(facts.agent !== undefined, paused.includes("agent")),
    server: hasServer ? processState(facts.serverRuns, paused.includes("server")) : "none",
    isManager: managers.includes(node),
    leaseLeftMs: lease === undefined ? undefined : Math.max(0, lease.endsAtMs - world.nowMs),
    watchdogLeftMs: watchdogAtMs === undefined ? undefined : Math.max(0, watchdogAtMs - localMs),
    watchdogPaused: paused.includes("guard"),
    maintenance: world.nodeRecordOf(node)?.maintenance === true,
    mode: world.nodeRecordOf(node)?.mode ?? "enabled",
    running: running.map(({ service }) => service),
  };
}

function processState(alive: boolean, paused: boolean): ProcessState {
  if (!alive) return "down";
  return paused ? "paused" : "runs";
}

function serviceView(world: World, { config, addedAtMs }: ServiceRecord): ServiceView {
  const status = world.statusOf(config.id);
  const copies = [...world.copies.values()].filter(({ service }) => service === config.id);
  return {
    service: config.id,
    state: status?.state ?? "new",
    node: status?.node,
    target: status?.target,
    requested: config.state,
    forMs: Math.max(0, world.nowMs - (status?.sinceMs ?? addedAtMs)),
    reason: status === undefined ? "it waits for the manager" : sentenceOf(reasonOf(status.reason)),
    runsOn: copies.filter(runs).map(({ node }) => node),
    copyState: copies.at(-1)?.state,
  };
}

/** It is there for those who use it. */
function runs(copy: Copy): boolean {
  return copy.state === "running" && isExecuting(copy);
}
