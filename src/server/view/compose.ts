/** Puts the resources of the API together from the records that they are made of. */

import { effectiveProperties } from "../../core/constraints/effective-properties.ts";
import { sentenceOf } from "../../core/explain/sentence.ts";
import type { NodeId, ServiceId } from "../../core/ids.ts";
import { compareIds, epochOf, serviceTypeOf } from "../../core/ids.ts";
import { nodeModeWords } from "../../core/model/node-mode.ts";
import { reasonOf } from "../../runtime/manager-records.ts";
import type { Instruction } from "../../wire/agent-protocol.ts";
import type { ClusterStatus, NodeResource, ServiceResource } from "../../wire/api.ts";
import type { NodeRecord, NodeStateRecord } from "../../wire/records.ts";
import { timesOf } from "../../wire/settings.ts";
import { armingResource } from "./arming.ts";
import type { ClusterView } from "./cluster-view.ts";
import { freezeResource } from "./freeze.ts";
import type { ViewTables } from "./view-tables.ts";

/** A service; undefined: there is none of this name. */
export function serviceResource(
  tables: ViewTables,
  service: ServiceId,
): ServiceResource | undefined {
  const row = tables.services.get(service);
  if (row === undefined) return undefined;
  const { config, removing, addedAtMs } = row.value;
  const status = tables.statuses.get(service)?.value;
  const report = tables.reports.get(service)?.value;
  const usage = tables.usages.get(service)?.value;
  // What was said about an earlier instruction says nothing about this one.
  const current = report !== undefined && report.uid === status?.uid ? report : undefined;
  return {
    id: service,
    type: serviceTypeOf(service),
    revision: row.revision,
    config,
    requested: config.state,
    removing,
    state: status?.state ?? "queued",
    ...(status?.node === undefined ? {} : { node: status.node }),
    ...(status?.target === undefined ? {} : { target: status.target }),
    ...(status?.maintenanceNode === undefined ? {} : { maintenanceNode: status.maintenanceNode }),
    ...(status?.boundTo === undefined ? {} : { boundTo: status.boundTo }),
    ...(status?.suspended === true ? { suspended: true } : {}),
    failedNodes: [...(status?.failedNodes ?? [])],
    running: current?.result ?? "unknown",
    health: current?.health ?? "unknown",
    detail: current?.detail ?? "",
    applied: current !== undefined && current.configRevision >= row.revision,
    sinceMs: status?.sinceMs ?? addedAtMs,
    reason: sentenceOf(status === undefined ? { code: "added" } : reasonOf(status.reason)),
    ...(status === undefined ? {} : { uid: status.uid }),
    ...(usage === undefined
      ? {}
      : { usage: { cpuCores: usage.cpuCores, memoryBytes: usage.memoryBytes } }),
  };
}

/** A node; undefined: there is none of this name. */
export function nodeResource(tables: ViewTables, node: NodeId): NodeResource | undefined {
  const row = tables.nodes.get(node);
  if (row === undefined) return undefined;
  const state = tables.nodeStates.get(node)?.value;
  const haGroup = tables.haMembers.get(node)?.value.group;
  return {
    id: node,
    revision: row.revision,
    type: row.value.type,
    state: state?.state ?? "unknown",
    epoch: tables.epochs.get(node)?.value.epoch ?? 0,
    leased: tables.leases.has(node),
    confirmedOffEpoch: row.value.confirmedOffEpoch,
    agentVersion: row.value.agentVersion,
    properties: propertiesOf(row.value),
    ...(row.value.setProperties === undefined ? {} : { setProperties: row.value.setProperties }),
    ...(row.value.constraint === undefined ? {} : { constraint: row.value.constraint }),
    maintenance: row.value.maintenance,
    mode: row.value.mode,
    agentMode: tables.agentModes.get(node)?.value.mode ?? "active",
    ...(row.value.capacity === undefined ? {} : { capacity: row.value.capacity }),
    taints: [...row.value.taints],
    ...(haGroup === undefined ? {} : { haGroup }),
    services: [...(tables.servicesOn.get(node) ?? [])].sort(compareIds),
    sinceMs: state?.sinceMs ?? row.value.registeredAtMs,
    reason: reasonOfNode(row.value, state),
  };
}

/** What a person wants of it comes first: it says what is done about the rest. */
function reasonOfNode({ mode }: NodeRecord, state: NodeStateRecord | undefined): string {
  const reason =
    state === undefined
      ? "it was registered and the manager has not seen it yet"
      : sentenceOf(reasonOf(state.reason));
  const words = nodeModeWords(mode);
  return words === "" ? reason : `${words}; ${reason}`;
}

function propertiesOf({
  node,
  agentVersion,
  properties,
  setProperties = {},
}: NodeRecord): NodeResource["properties"] {
  const facts = { node, agentVersion, properties, setProperties };
  return Object.fromEntries(
    Object.entries(effectiveProperties(facts)).map(([name, value]) => [
      name,
      typeof value === "object" ? [...value] : value,
    ]),
  );
}

/** All services, in order of their ids. */
export function serviceResources(tables: ViewTables): ServiceResource[] {
  return [...tables.services.keys()]
    .sort(compareIds)
    .map((id) => serviceResource(tables, id))
    .filter((resource) => resource !== undefined);
}

/** All nodes, in order of their ids. */
export function nodeResources(tables: ViewTables): NodeResource[] {
  return [...tables.nodes.keys()]
    .sort(compareIds)
    .map((id) => nodeResource(tables, id))
    .filter((resource) => resource !== undefined);
}

/** The whole cluster at one revision. */
export function clusterStatus(
  view: ClusterView,
  server: { readonly serverId: string; readonly version: string },
  nowMs: number,
): ClusterStatus {
  const { tables } = view;
  const settings = tables.settings.value;
  return {
    revision: view.revision,
    version: server.version,
    serverId: server.serverId,
    ...(tables.manager === undefined ? {} : { manager: tables.manager }),
    settings,
    times: timesOf(settings),
    arming: armingResource(tables),
    freeze: freezeResource(tables, nowMs),
    rejectedRules: tables.rejectedRules?.value.rejections ?? [],
    nodes: nodeResources(tables),
    services: serviceResources(tables),
  };
}

/** The instruction of a service to the agent of its node; undefined: nobody is told anything. */
export function instructionOf(tables: ViewTables, service: ServiceId): Instruction | undefined {
  const status = tables.statuses.get(service)?.value;
  const row = tables.services.get(service);
  if (status?.node === undefined || row === undefined) return undefined;
  return {
    service,
    uid: status.uid,
    state: status.state,
    node: status.node,
    nodeEpoch: status.nodeEpoch ?? epochOf(0),
    ...(status.target === undefined ? {} : { target: status.target }),
    ...(row.value.config.moveBy === undefined ? {} : { moveBy: row.value.config.moveBy }),
    ...(status.suspended === undefined ? {} : { suspended: status.suspended }),
    ...(status.clearLocks === undefined ? {} : { clearLocks: status.clearLocks }),
    ...(status.stopTimeoutMs === undefined ? {} : { stopTimeoutMs: status.stopTimeoutMs }),
    survivesIsolation: status.survivesIsolation ?? false,
    config: row.value.config,
    configRevision: row.revision,
  };
}
