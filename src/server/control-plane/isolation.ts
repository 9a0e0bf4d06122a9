/** Nodes on the machines of servers are closed for services that do not tolerate it, or opened again. */
import type { NodeId } from "../../core/ids.ts";
import { controlPlaneTaint } from "../../core/model/node.ts";
import { isOpenToAll, withTaint } from "../../core/placement/taints.ts";
import { ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { Problem } from "../../wire/errors.ts";
import { keys } from "../../wire/records.ts";
import { type ChangePlan, nothingToDo, unchanged, withRelations } from "../changes/change.ts";
import { refuse } from "../http/problem-error.ts";
import type { ViewTables } from "../view/view-tables.ts";

/** Nodes that run on servers' machines, in the order of their names. */
export function nodesOnServers(tables: ViewTables): readonly NodeId[] {
  const named = new Set([...tables.servers.values()].map(({ value }) => value.node));
  return [...tables.nodes.keys()].filter((node) => named.has(node)).sort();
}

/** Sets or takes away the taint on all of them, and the rule for those that join later. */
export function planIsolation(tables: ViewTables, wish: "on" | "off"): Result<ChangePlan, Problem> {
  const nodes = nodesOnServers(tables);
  const changed = nodes.filter(
    (node) => taintsOf(tables, node).includes(controlPlaneTaint) !== (wish === "on"),
  );
  const row = tables.controlPlane;
  const isRule = (row?.value.isolate ?? false) === (wish === "on");
  if (isRule && changed.length === 0) return ok(nothingToDo);
  if (wish === "on" && nodes.length > 0 && !isAnotherOpen(tables, nodes)) {
    return refuse(
      "refused",
      `no other node is online, enabled and without a taint, so nothing could run once ${nodes.join(", ")} ${nodes.length === 1 ? "is" : "are"} closed; join a node on a machine without a server first`,
    );
  }
  const record = { version: 1, ...row?.value, isolate: wish === "on" };
  const plan: ChangePlan = {
    compare: [
      unchanged(keys.controlPlane, row),
      ...changed.map((node) => unchanged(`${keys.nodes}${node}`, tables.nodes.get(node))),
    ],
    operations: [
      { kind: "put", key: keys.controlPlane, value: jsonOf(record) },
      ...changed.map((node) => ({
        kind: "put" as const,
        key: `${keys.nodes}${node}`,
        value: jsonOf({
          ...tables.nodes.get(node)?.value,
          taints: withTaint(taintsOf(tables, node), controlPlaneTaint, wish),
        }),
      })),
    ],
    action: "server.isolate",
    subject: "control-plane",
    detail: `${wish}${changed.length === 0 ? "" : `: ${changed.join(", ")}`}`,
  };
  // Somebody who closes the other node at the same moment must not count on these.
  return ok(withRelations(tables, plan));
}

function taintsOf(tables: ViewTables, node: NodeId): readonly string[] {
  return tables.nodes.get(node)?.value.taints ?? [];
}

/** Whether a node that stays open takes every service. */
function isAnotherOpen(tables: ViewTables, closed: readonly NodeId[]): boolean {
  return [...tables.nodes].some(
    ([node, { value }]) =>
      !closed.includes(node) &&
      isOpenToAll({
        isOnline: tables.nodeStates.get(node)?.value.state === "online",
        taints: value.taints,
        mode: value.mode,
      }),
  );
}
