/**
 * Turns what the API says of a living cluster into a plan whose play begins with that cluster as it is: its nodes on
 * or off, its services where they run, its rules and settings in force.
 */
import {
  compareIds,
  epochOf,
  instructionUidOf,
  type NodeId,
  parseNodeId,
  parseServiceId,
  type ServiceId,
} from "../../core/ids.ts";
import type { Rule } from "../../core/model/rule.ts";
import type { ManagerState } from "../../core/model/service.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { durationMs } from "../../core/time.ts";
import { ruleOf } from "../../runtime/manager-records.ts";
import type {
  ClusterStatus,
  FreezeResource,
  NodeResource,
  ServiceResource,
} from "../../wire/api.ts";
import type { GroupConfig, RuleConfig } from "../../wire/placement.ts";
import type { StatusRecord } from "../../wire/records.ts";
import { type StoredServiceConfig, storedServiceConfigSchema } from "../../wire/service-config.ts";
import type { InitialState, NodePlan, Plan, ServicePlan } from "../plan.ts";
import { defaultPace } from "../scenario/defaults.ts";

/** What the API says of a cluster: `GET /v1/cluster`, `/v1/groups`, `/v1/rules`. */
export interface ClusterFacts {
  readonly status: ClusterStatus;
  readonly groups: readonly GroupConfig[];
  readonly rules: readonly RuleConfig[];
}

export interface ClusterPlanOptions {
  /** A start, stop or move is taken to last so long. */
  readonly operationMs: number;
  /** Nodes that are about to be lost; the servers are taken to be elsewhere, so that they live on. */
  readonly spared: ReadonlySet<string>;
}

/** The plan; the error says in a sentence why the cluster cannot be played. */
export function planOfCluster(
  facts: ClusterFacts,
  options: ClusterPlanOptions,
): Result<Plan, string> {
  const { status } = facts;
  const nodes = nodesOf(status.nodes, options.spared);
  if (!nodes.some(({ server }) => server)) {
    return err("no node would be online: nothing can run anywhere");
  }
  const services: KnownService[] = [];
  for (const resource of status.services) {
    const known = knownService(resource);
    if (!known.ok) return known;
    services.push(known.value);
  }
  return ok({
    name: "what if",
    seed: 1,
    settings: { ...status.settings, coldStartMs: durationMs(0) }, // this cluster has started long ago
    pace: { ...defaultPace, operationMs: options.operationMs },
    nodes,
    services: services.map(({ id, config }) => servicePlanOf(id, config)),
    groups: facts.groups,
    rules: facts.rules.map(rulePlanOf),
    usage: services.flatMap(({ id, resource }) =>
      resource.usage === undefined ? [] : [{ service: id, use: resource.usage }],
    ),
    initial: initialOf(status, services),
    actions: [],
    endAtMs: 0,
  });
}

/** A rule as a plan has it. */
export function rulePlanOf(rule: RuleConfig): Rule {
  return ruleOf(rule);
}

/** A service of the cluster, with its parsed parts. */
interface KnownService {
  readonly id: ServiceId;
  readonly resource: ServiceResource;
  readonly config: StoredServiceConfig;
}

function knownService(resource: ServiceResource): Result<KnownService, string> {
  const id = parseServiceId(resource.id);
  const config = storedServiceConfigSchema.safeParse(resource.config);
  if (id.ok && config.success) return ok({ id: id.value, resource, config: config.data });
  return err(`the configuration of ${resource.id} is in a form that this version does not know`);
}

/** Holding a lease is being there. One server is enough, on the first node that stays. */
function nodesOf(nodes: readonly NodeResource[], spared: ReadonlySet<string>): NodePlan[] {
  const ids = [...nodes].sort((left, right) => compareIds(left.id, right.id));
  const host = ids.find(({ id, leased }) => leased && !spared.has(id))?.id;
  return ids.flatMap(({ id, leased, capacity, taints }) => {
    const node = nodeIdOf(id);
    if (node === undefined) return [];
    const power = leased ? "on" : "off";
    return [
      { node, power, network: "on", capacity, taints, server: id === host } satisfies NodePlan,
    ];
  });
}

/** The ids that a server tells are sound; others name nothing. */
function nodeIdOf(id: string | undefined): NodeId | undefined {
  const parsed = id === undefined ? undefined : parseNodeId(id);
  return parsed?.ok === true ? parsed.value : undefined;
}

/** A service as it is configured, without misbehaviour: nothing is known of any. */
export function servicePlanOf(id: ServiceId, config: StoredServiceConfig): ServicePlan {
  const { node, state, group, failback, autoRebalance, maxRestart, maxRelocate } = config;
  const { onIsolation, limits, mayOvercommit, after, requires, priority, moveBy } = config;
  const { tolerations, volumes } = config;
  return {
    id,
    node,
    state,
    group,
    failback,
    autoRebalance,
    maxRestart,
    maxRelocate,
    onIsolation,
    limits,
    mayOvercommit,
    after,
    requires,
    priority,
    tolerations,
    volumes,
    moveBy: moveBy ?? "stop",
    misbehaviour: undefined,
    lock: undefined,
  };
}

function initialOf(status: ClusterStatus, services: readonly KnownService[]): InitialState {
  const nodes = new Map(status.nodes.map((node) => [node.id, node]));
  return {
    statuses: services.flatMap(({ id, resource, config }) => {
      const record = statusRecordOf(id, resource, {
        config,
        epoch: nodes.get(resource.node ?? "")?.epoch ?? 0,
      });
      return record === undefined ? [] : [record];
    }),
    nodeStates: status.nodes.flatMap(({ id, state, epoch }) => {
      const node = nodeIdOf(id);
      return node === undefined ? [] : [{ node, state, epoch: epochOf(epoch) }];
    }),
    running: services.flatMap(({ id, resource }) => {
      const node = nodeIdOf(resource.node);
      const isUp = nodes.get(resource.node ?? "")?.leased === true;
      return node !== undefined && isUp && isThere(resource) ? [{ service: id, node }] : [];
    }),
    maintenance: status.nodes.filter(isLeaving).flatMap(({ id }) => nodeIdsOf([id])),
    modes: status.nodes.flatMap(({ id, mode }) => nodeIdsOf([id]).map((node) => ({ node, mode }))),
    arming: status.arming.mode,
    freeze: freezeOf(status.freeze),
    removing: services.filter(({ resource }) => resource.removing).map(({ id }) => id),
  };
}

/** It lasts as long as the play: what comes after its end is not what a person asks about. */
function freezeOf(freeze: FreezeResource | undefined): InitialState["freeze"] {
  if (freeze?.frozen !== true) return undefined;
  const { by = "somebody", reason: because, failover } = freeze;
  return { by, because, failover: failover ? "goes-on" : "held" };
}

/** Its services move away: a person asked for it, or its agent before it is shut down. */
function isLeaving({ maintenance, agentMode, leased }: NodeResource): boolean {
  return maintenance || (leased && agentMode === "maintenance");
}

/** States in which a copy is there unless its agent says otherwise. */
const statesWithCopy: readonly ManagerState[] = [
  "started",
  "request_stop",
  "migrate",
  "relocate",
  "freeze",
  "ignored",
];

/** Its agent's last word counts; where there is none about this instruction yet, the state does. */
function isThere({ running, state }: ServiceResource): boolean {
  if (running === "running" || running === "released") return true;
  return running === "unknown" && statesWithCopy.includes(state);
}

function statusRecordOf(
  service: ServiceId,
  resource: ServiceResource,
  about: { readonly config: StoredServiceConfig; readonly epoch: number },
): StatusRecord | undefined {
  const { state, uid, maintenanceNode, suspended } = resource;
  if (uid === undefined) return undefined;
  const base = {
    version: 1,
    service,
    state,
    // Differs from every uid that the play's own manager makes.
    uid: instructionUidOf(`before.${uid}`),
    failedNodes: nodeIdsOf(resource.failedNodes),
    sinceMs: 0,
    // Only the sentence is known; the manager of the play gives its own reasons from here on.
    reason: { code: "added" },
  } as const;
  const node = nodeIdOf(resource.node);
  if (node === undefined) return base;
  const outlives = about.config.onIsolation === "keep" || state === "ignored";
  const target = nodeIdOf(resource.target);
  const home = nodeIdOf(maintenanceNode);
  const bound = nodeIdOf(resource.boundTo);
  return {
    ...base,
    node,
    nodeEpoch: epochOf(about.epoch),
    ...(target === undefined ? {} : { target }),
    ...(home === undefined ? {} : { maintenanceNode: home }),
    ...(bound === undefined ? {} : { boundTo: bound }),
    ...(suspended === undefined ? {} : { suspended }),
    survivesIsolation: outlives,
    mayOutliveLease: outlives,
  };
}

function nodeIdsOf(ids: readonly string[]): NodeId[] {
  return ids.map(nodeIdOf).filter((node) => node !== undefined);
}
