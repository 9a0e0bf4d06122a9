/**
 * Scenarios of the recorded JSON form, with the times of the system that they were recorded on: its manager and its
 * agents look once in a round, and a kernel watchdog resets a node that lost its place in the cluster.
 */
import {
  epochOf,
  instructionUidOf,
  type NodeId,
  parseNodeId,
  parseServiceId,
  type ServiceId,
} from "../../../core/ids.ts";
import type { NodePriority, PlacementGroup, Rule } from "../../../core/model/rule.ts";
import { err, ok, type Result } from "../../../core/result.ts";
import { faultsOfIssue } from "../../../wire/errors.ts";
import type { StatusRecord } from "../../../wire/records.ts";
import { type Settings, settingsSchema } from "../../../wire/settings.ts";
import type { InitialState, NodePlan, Pace, Plan, TimedAction } from "../../plan.ts";
import { type ConformanceScenario, conformanceSchema } from "./schema.ts";
import { servicePlanOf } from "./service-plan.ts";
import { createStepReader } from "./steps.ts";
import { useOf } from "./usage.ts";

const roundMs = 20_000;

const pace: Pace = {
  roundMs,
  operationMs: 2_000,
  messageMs: 1,
  storeMs: 1,
  bootMs: 100,
  presence: true,
  watchdog: "reset",
  idleAfterMs: 600_000,
  electionTtlMs: 120_000,
};

/** The plan, or each fault as one line with file and place. */
export function planOfConformance(
  data: unknown,
  fileName: string,
): Result<Plan, readonly string[]> {
  const parsed = conformanceSchema.safeParse(data);
  if (!parsed.success) {
    return err(
      parsed.error.issues
        .flatMap(faultsOfIssue)
        .map(({ path, message }) => `${fileName}: ${placeOf(path)}${message}`),
    );
  }
  const scenario = parsed.data;
  const faults = [...faultsOfNodes(scenario)];
  const actions = readSteps(scenario, faults);
  if (faults.length > 0) return err(faults.map((fault) => `${fileName}: ${fault}`));
  return ok(planOf(scenario, actions));
}

function placeOf(path: readonly PropertyKey[]): string {
  return path.length === 0 ? "" : `${path.map(String).join(".")}: `;
}

/** Nodes that are named somewhere and do not exist. */
function* faultsOfNodes(scenario: ConformanceScenario): Generator<string> {
  const known = Object.keys(scenario.nodes);
  const fault = (place: string, node: string): string =>
    `${place}: there is no node "${node}"; there are: ${known.join(", ")}`;
  for (const [id, { node, group }] of Object.entries(scenario.services)) {
    if (!known.includes(node)) yield fault(`services.${id}.node`, node);
    if (group !== undefined && !Object.keys(scenario.groups).includes(group)) {
      yield `services.${id}.group: there is no group "${group}"`;
    }
  }
  for (const [name, group] of Object.entries(scenario.groups)) {
    for (const node of Object.keys(group.nodes)) {
      if (!known.includes(node)) yield fault(`groups.${name}.nodes`, node);
    }
  }
  for (const [name, rule] of Object.entries(scenario.rules)) {
    if (rule.type !== "node-affinity") continue;
    for (const node of Object.keys(rule.nodes)) {
      if (!known.includes(node)) yield fault(`rules.${name}.nodes`, node);
    }
  }
}

function readSteps(scenario: ConformanceScenario, faults: string[]): readonly TimedAction[] {
  const reader = createStepReader(scenario);
  const inOrder = scenario.steps
    .map((step, index) => ({ ...step, index }))
    .sort((left, right) => left.at - right.at);
  return inOrder.flatMap((step) => {
    const actions = reader.read(step.do);
    if (!actions.ok) {
      faults.push(`steps.${step.index}.do: ${actions.error}`);
      return [];
    }
    return actions.value.map((action) => ({ atMs: step.at * 1_000, action }));
  });
}

function planOf(scenario: ConformanceScenario, actions: readonly TimedAction[]): Plan {
  const services = entriesOf(scenario.services, parseServiceId);
  return {
    name: scenario.name,
    seed: 1,
    settings: settingsOf(scenario),
    pace,
    nodes: entriesOf(scenario.nodes, parseNodeId).map(([node, value]) => nodePlanOf(node, value)),
    services: services.map(([id, service]) => servicePlanOf(id, service, scenario.usage)),
    groups: groupsOf(scenario),
    rules: rulesOf(scenario),
    usage: services.map(([service]) => ({ service, use: useOf(scenario.usage, service) })),
    initial: initialOf(scenario),
    actions,
    endAtMs: scenario.endAt * 1_000,
  };
}

/** The entries of a record whose keys the schema has checked, branded. */
function entriesOf<Id extends string, T>(
  record: Readonly<Record<string, T>>,
  parse: (text: string) => Result<Id, string>,
): readonly (readonly [Id, T])[] {
  return Object.entries(record).flatMap(([key, value]) => {
    const id = parse(key);
    return id.ok ? [[id.value, value] as const] : [];
  });
}

/** The brake never acts and no node is waited for: that system recovers and places everything at once. */
function settingsOf({ settings }: ConformanceScenario): Settings {
  return settingsSchema.parse({
    times: { ttlMs: 120_000, watchdogMs: 60_000, renewEveryMs: roundMs },
    suspectMs: 60_000,
    coldStartMs: 0,
    roundMs,
    shutdownPolicy: settings.shutdownPolicy,
    scheduler: settings.scheduler,
    rebalanceOnStart: settings.rebalanceOnStart,
    ...(settings.autoRebalance == null ? {} : { autoRebalance: settings.autoRebalance }),
    brake: { lostShare: 1 },
  });
}

type RecordedNode = NonNullable<ConformanceScenario["nodes"][NodeId]>;

function nodePlanOf(node: NodeId, value: RecordedNode): NodePlan {
  const { power, network, cpuCores, memoryBytes } = value;
  return { node, power, network, capacity: { cpuCores, memoryBytes }, taints: [], server: true };
}

function prioritiesOf(nodes: Readonly<Record<string, number>>): readonly NodePriority[] {
  return entriesOf(nodes, parseNodeId).map(([node, priority]) => ({ node, priority }));
}

function groupsOf(scenario: ConformanceScenario): readonly PlacementGroup[] {
  return Object.entries(scenario.groups).map(([name, { nodes, restricted, nofailback }]) => ({
    name,
    nodes: prioritiesOf(nodes),
    restricted,
    nofailback,
  }));
}

function rulesOf(scenario: ConformanceScenario): readonly Rule[] {
  return Object.entries(scenario.rules).map(([name, rule]) => {
    const { resources: services, disabled } = rule;
    if (rule.type === "resource-affinity") {
      return { kind: rule.type, name, services, affinity: rule.affinity, disabled };
    }
    const nodes = prioritiesOf(rule.nodes);
    return { kind: rule.type, name, services, nodes, strict: rule.strict, disabled };
  });
}

function initialOf(scenario: ConformanceScenario): InitialState | undefined {
  const { managerStatus, running } = scenario;
  if (managerStatus == null && running == null) return undefined;
  const nodeStates = entriesOf(managerStatus?.node_status ?? {}, parseNodeId);
  return {
    statuses: statusesOf(managerStatus?.service_status ?? {}),
    nodeStates: nodeStates.map(([node, state]) => ({ node, state })),
    running: runningOf(running ?? {}),
  };
}

type ServiceStatuses = NonNullable<
  NonNullable<ConformanceScenario["managerStatus"]>["service_status"]
>;

/** Epoch 0 stands for what was before the play: each node gets a newer one with its first lease. */
function statusesOf(statuses: ServiceStatuses): readonly StatusRecord[] {
  return entriesOf(statuses, parseServiceId).map(([service, status]) => ({
    version: 1,
    service,
    state: status.state,
    uid: instructionUidOf(status.uid),
    node: status.node,
    nodeEpoch: epochOf(0),
    ...(status.target === undefined ? {} : { target: status.target }),
    ...(status.maintenance_node === undefined ? {} : { maintenanceNode: status.maintenance_node }),
    survivesIsolation: false,
    mayOutliveLease: false,
    failedNodes: status.failed_nodes,
    sinceMs: 0,
    reason: { code: "added" },
  }));
}

function runningOf(
  running: NonNullable<ConformanceScenario["running"]>,
): readonly { readonly service: ServiceId; readonly node: NodeId }[] {
  return Object.entries(running).flatMap(([key, value]) => {
    if (typeof value === "string") return pairOf(key, value);
    const services = Array.isArray(value)
      ? value
      : Object.entries(value).flatMap(([service, mark]) => (mark ? [service] : []));
    return services.flatMap((service) => pairOf(service, key));
  });
}

function pairOf(
  serviceText: string,
  nodeText: string,
): readonly { readonly service: ServiceId; readonly node: NodeId }[] {
  const service = parseServiceId(serviceText);
  const node = parseNodeId(nodeText);
  return service.ok && node.ok ? [{ service: service.value, node: node.value }] : [];
}
