/** What a world begins with: the records that people and the manager before have written, and what runs. */
import { type Epoch, epochOf, type NodeId, type ServiceId } from "../core/ids.ts";
import type { Freeze } from "../core/model/freeze.ts";
import { runUntil } from "../core/model/times.ts";
import { instantMs } from "../core/time.ts";
import type { JsonValue, LeaseId, Operation } from "../ports/store.ts";
import { jsonOf } from "../runtime/manager-records.ts";
import { keys, type StatusRecord } from "../wire/records.ts";
import { timesOf } from "../wire/settings.ts";
import type { Engine } from "./engine/engine.ts";
import type { Machine } from "./node/machine.ts";
import { fleetRecordsOf } from "./persons/fleet/initial-fleet.ts";
import { nodeRecordOf, ruleRecordOf, serviceRecordOf } from "./persons/service-records.ts";
import type { InitialState, NodePlan, Plan } from "./plan.ts";
import type { Driver } from "./workloads/driver.ts";

/** Operations of one transaction. */
const operationsMax = 200;

/** Writes the plan's records. */
export function writeInitialRecords({ plan, store }: Engine): void {
  const operations = recordsOf(plan);
  for (let from = 0; from < operations.length; from += operationsMax) {
    store.txn({ compare: [], then: operations.slice(from, from + operationsMax) });
  }
}

function recordsOf(plan: Plan): readonly Operation[] {
  const operations: Operation[] = [];
  const putValue = (key: string, value: JsonValue): void => {
    operations.push({ kind: "put", key, value });
  };
  const put = (key: string, record: object): void => putValue(key, jsonOf(record));
  put(keys.settings, { version: 1, settings: plan.settings });
  for (const node of plan.nodes) putValue(`${keys.nodes}${node.node}`, nodeRecordOf(node));
  for (const group of plan.groups) put(`${keys.groups}${group.name}`, { version: 1, group });
  for (const rule of plan.rules) putValue(`${keys.rules}${rule.name}`, ruleRecordOf(rule));
  for (const service of plan.services) {
    putValue(`${keys.services}${service.id}`, serviceRecordOf(service, 0));
  }
  for (const { key, record } of fleetRecordsOf(plan.fleet)) put(key, record);
  for (const { service, use } of plan.usage) {
    put(`${keys.usages}${service}`, { version: 1, ...use });
  }
  for (const [node, epoch] of epochsAtStart(plan)) {
    put(`${keys.epochs}${node}`, { version: 1, epoch, incarnation: `${node}.0` });
  }
  const { initial } = plan;
  if (initial === undefined) return operations;
  for (const status of initial.statuses) put(`${keys.statuses}${status.service}`, status);
  for (const { node, state } of initial.nodeStates) {
    const record = { version: 1, state, sinceMs: 0, reason: { code: "added" } };
    put(`${keys.nodeStates}${node}`, record);
  }
  for (const node of plan.nodes) {
    const maintenance = initial.maintenance?.includes(node.node) === true;
    const mode = initial.modes?.find((one) => one.node === node.node)?.mode ?? "enabled";
    if (!maintenance && mode === "enabled") continue;
    put(`${keys.nodes}${node.node}`, { ...Object(nodeRecordOf(node)), maintenance, mode });
  }
  for (const service of plan.services.filter(({ id }) => initial.removing?.includes(id))) {
    put(`${keys.services}${service.id}`, {
      ...Object(serviceRecordOf(service, 0)),
      removing: true,
    });
  }
  if (initial.arming !== undefined && initial.arming !== "armed") {
    put(keys.arming, { version: 1, mode: initial.arming, by: "person", sinceMs: 0 });
  }
  if (initial.freeze !== undefined) put(keys.freeze, freezeRecordOf(initial.freeze));
  return operations;
}

function freezeRecordOf({ by, because, failover }: Omit<Freeze, "untilMs">): object {
  const reason = because === undefined ? {} : { reason: because };
  return { version: 1, by, ...reason, sinceMs: 0, failover: failover === "goes-on" };
}

/**
 * The epoch of each node's lease when the play begins. Without anything from before, all that is on is up and holds its
 * first lease: a cluster whose nodes start in some order is a play of its own, with its power in steps.
 */
function epochsAtStart({ initial, nodes }: Plan): ReadonlyMap<NodeId, Epoch> {
  if (initial !== undefined) return epochsIn(initial);
  const isUp = ({ power, network }: NodePlan): boolean => power === "on" && network === "on";
  return new Map(nodes.filter(isUp).map(({ node }) => [node, epochOf(1)]));
}

/** The epoch of each node, as it or its services name it. */
function epochsIn(initial: InitialState): ReadonlyMap<NodeId, Epoch> {
  const epochs = new Map<NodeId, Epoch>();
  for (const { node, nodeEpoch } of initial.statuses) {
    if (node === undefined || nodeEpoch === undefined) continue;
    epochs.set(node, epochOf(Math.max(epochs.get(node) ?? 0, nodeEpoch)));
  }
  for (const { node, epoch } of initial.nodeStates) {
    if (epoch !== undefined) epochs.set(node, epoch);
  }
  return epochs;
}

export interface StartOptions {
  readonly engine: Engine;
  readonly driver: Driver;
  readonly machineOf: (node: NodeId) => Machine;
}

/** Puts workloads where they are, then switches on the machines that are on. */
export function startMachines(options: StartOptions): void {
  const { engine, machineOf } = options;
  const { plan, network } = engine;
  const epochs = epochsAtStart(plan);
  // All of them first: each finds the others there.
  for (const { node, power } of plan.nodes) {
    if (power === "off" || (epochs.get(node) ?? 0) === 0) continue;
    network.setConnected(node, true);
    network.setPower(node, true);
  }
  for (const node of plan.nodes) {
    if (node.power === "off") continue;
    const epoch = epochs.get(node.node);
    if (epoch === undefined || epoch === 0) machineOf(node.node).powerOn(0);
    else resume(options, node, epoch);
    network.setConnected(node.node, node.network === "on");
  }
  for (const { service, node } of plan.initial?.running ?? []) {
    const isThere = options.driver.options.copies.of(service).some((copy) => copy.node === node);
    if (!isThere && network.isPowered(node)) options.driver.placeByHand(service, node);
  }
}

/** The node holds the lease of `epoch` and has run its services for a while. */
function resume({ engine, driver, machineOf }: StartOptions, plan: NodePlan, epoch: Epoch): void {
  const { node } = plan;
  const machine = machineOf(node);
  const times = timesOf(engine.plan.settings);
  const leaseId = engine.store.grantLease(times.ttlMs);
  machine.disk.lease = { epoch, leaseId, countsOn: undefined };
  machine.bootAtStart((guard) => {
    writeLease(engine, { node, epoch, leaseId, incarnation: machine.incarnation });
    guard.begin(epoch, leaseId);
    guard.feed(epoch, runUntil(instantMs(machine.clock.nowMs), times));
    for (const instanceId of placeRunning(engine, driver, { node, epoch })) {
      guard.track(epoch, instanceId);
    }
  });
}

function writeLease(
  { store, plan }: Engine,
  lease: {
    readonly node: NodeId;
    readonly epoch: Epoch;
    readonly leaseId: LeaseId;
    readonly incarnation: string;
  },
): void {
  const { node, epoch, leaseId, incarnation } = lease;
  const times = timesOf(plan.settings);
  const value = jsonOf({ version: 1, epoch, leaseId, incarnation, times });
  const key = `${keys.leases}${node}`;
  store.txn({ compare: [], then: [{ kind: "put", key, value, leaseId }] });
}

/** Makes the copies that ran under the manager before; answers with those that a guard has to know. */
function placeRunning(
  { plan }: Engine,
  driver: Driver,
  at: { readonly node: NodeId; readonly epoch: Epoch },
): readonly string[] {
  const { node, epoch } = at;
  const statuses = new Map<ServiceId, StatusRecord>(
    plan.initial?.statuses.map((status) => [status.service, status]),
  );
  const tracked: string[] = [];
  for (const { service, node: where } of plan.initial?.running ?? []) {
    const status = statuses.get(service);
    if (where !== node || status?.node !== node || status.nodeEpoch !== epoch) continue;
    const instanceId = `initial-${service}`;
    const isTracked = status.survivesIsolation !== true;
    const startedUnder = { uid: status.uid, epoch };
    driver.options.copies.put({
      service,
      node,
      instanceId,
      state: "running",
      tracked: isTracked,
      startedUnder,
    });
    if (isTracked) tracked.push(instanceId);
  }
  return tracked;
}
