/** The plans of what people say about nodes. */
import { epochOf, type NodeId, type ServiceId } from "../../core/ids.ts";
import { modeAfter, type NodeOrder } from "../../core/model/node-mode.ts";
import { ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { Problem } from "../../wire/errors.ts";
import { keys, type NodeRecord, type RemovedNodeRecord } from "../../wire/records.ts";
import { forgottenRemovals } from "../agents/removed-node.ts";
import { refuse } from "../http/problem-error.ts";
import { isDisarmed } from "../view/arming.ts";
import type { Row } from "../view/table-slots.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { type ChangePlan, nothingToDo, unchanged } from "./change.ts";
import { leftBehind } from "./fleet/ha-groups/membership.ts";

/** The row of a node; a problem when there is none. */
export function nodeRow(tables: ViewTables, node: NodeId): Result<Row<NodeRecord>, Problem> {
  const row = tables.nodes.get(node);
  return row === undefined ? refuse("not-found", `there is no node "${node}"`) : ok(row);
}

/** A person's word that the node is off (S4); refused while its lease says the contrary. */
export function planConfirmOff(tables: ViewTables, node: NodeId): Result<ChangePlan, Problem> {
  const found = nodeRow(tables, node);
  if (!found.ok) return found;
  const row = found.value;
  if (tables.leases.has(node)) {
    return refuse("refused", `node "${node}" holds a live lease, so it is not off`);
  }
  const epochRow = tables.epochs.get(node);
  const epoch = epochRow?.value.epoch ?? epochOf(0);
  const isSame = row.value.confirmedOffEpoch === epoch;
  const nodeKey = `${keys.nodes}${node}`;
  const epochKey = `${keys.epochs}${node}`;
  return ok({
    compare: [
      unchanged(nodeKey, row),
      { kind: "absent", key: `${keys.leases}${node}` },
      unchanged(epochKey, epochRow),
    ],
    operations: isSame
      ? []
      : [{ kind: "put", key: nodeKey, value: jsonOf({ ...row.value, confirmedOffEpoch: epoch }) }],
    action: "node.confirm-off",
    subject: node,
    detail: `off up to and including epoch ${epoch}`,
  });
}

/** Carries out an order about the node as a whole; where it is in force already, nothing changes. */
export function planNodeMode(
  tables: ViewTables,
  node: NodeId,
  order: NodeOrder,
): Result<ChangePlan, Problem> {
  const row = nodeRow(tables, node);
  if (!row.ok) return row;
  const record = row.value.value;
  const mode = modeAfter(record.mode, order);
  if (!mode.ok)
    return refuse("refused", `node "${node}" cannot be changed by ${order}: ${mode.error}`);
  if (mode.value === record.mode) return ok(nothingToDo);
  if (order === "flush" && isDisarmed(tables)) {
    return refuse("refused", "the cluster is disarmed, so no service would move; arm it first");
  }
  const key = `${keys.nodes}${node}`;
  return ok({
    compare: [unchanged(key, row.value)],
    operations: [{ kind: "put", key, value: jsonOf({ ...record, mode: mode.value }) }],
    action: `node.${order}`,
    subject: node,
    detail: mode.value,
  });
}

/** Asks for maintenance, of an online node only, or ends it, which can be done always. */
export function planMaintenance(
  tables: ViewTables,
  node: NodeId,
  wish: "on" | "off",
): Result<ChangePlan, Problem> {
  const row = nodeRow(tables, node);
  if (!row.ok) return row;
  const maintenance = wish === "on";
  if (row.value.value.maintenance === maintenance) return ok(nothingToDo);
  if (maintenance && isDisarmed(tables)) {
    return refuse("refused", "the cluster is disarmed, so no service would move; arm it first");
  }
  if (maintenance && row.value.value.mode === "offline") {
    return refuse(
      "refused",
      `node "${node}" is offline, so nothing would be done there; enable it first`,
    );
  }
  const state = tables.nodeStates.get(node)?.value.state ?? "unknown";
  // Its own shutdown may have put it into maintenance already.
  if (maintenance && state !== "online" && state !== "maintenance") {
    return refuse("refused", `node "${node}" is ${state}, not online`);
  }
  const key = `${keys.nodes}${node}`;
  return ok({
    compare: [unchanged(key, row.value)],
    operations: [{ kind: "put", key, value: jsonOf({ ...row.value.value, maintenance }) }],
    action: "node.maintenance",
    subject: node,
    detail: wish,
  });
}

/**
 * Takes a node out of the cluster. It must have ended: what lives would come back by itself. Its machine is turned away
 * from then on, and what was bound to volumes there may run elsewhere.
 */
export function planRemoveNode(
  tables: ViewTables,
  node: NodeId,
  nowMs: number,
): Result<ChangePlan, Problem> {
  const row = nodeRow(tables, node);
  if (!row.ok) return row;
  const leaseKey = `${keys.leases}${node}`;
  if (tables.leases.has(node)) {
    return refuse("refused", `node "${node}" holds a live lease; stop its agent first`);
  }
  const kept = [...(tables.servicesOn.get(node) ?? [])].find((service) =>
    mayStillRun(tables, service),
  );
  if (kept !== undefined) {
    return refuse(
      "refused",
      `service "${kept}" may still run on node "${node}"; confirm first that the node is off`,
    );
  }
  const key = `${keys.nodes}${node}`;
  const epochRow = tables.epochs.get(node);
  const removed: RemovedNodeRecord = {
    version: 1,
    node,
    identity: row.value.value.identity,
    epoch: epochRow?.value.epoch ?? epochOf(0),
    because: "a person removed it",
    atMs: nowMs,
  };
  const forgotten = forgottenRemovals(tables, node);
  const membership = leftBehind(tables, node, nowMs);
  return ok({
    compare: [
      ...forgotten.compare,
      ...membership.compare,
      unchanged(key, row.value),
      { kind: "absent", key: leaseKey },
      unchanged(`${keys.epochs}${node}`, epochRow),
    ],
    operations: [
      { kind: "delete", key },
      { kind: "put", key: `${keys.removedNodes}${node}`, value: jsonOf(removed) },
      ...forgotten.operations,
      ...membership.operations,
    ],
    action: "node.remove",
    subject: node,
    detail: "",
  });
}

/** A copy that goes on without a lease is only known to be dead once its node was confirmed off. */
function mayStillRun(tables: ViewTables, service: ServiceId): boolean {
  const status = tables.statuses.get(service)?.value;
  return status?.mayOutliveLease ?? status?.survivesIsolation ?? false;
}
