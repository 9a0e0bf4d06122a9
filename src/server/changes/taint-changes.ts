/** The plan of closing a node to services that do not tolerate a taint, and of opening it again. */
import type { NodeId } from "../../core/ids.ts";
import { type OpenNode, whyNotClose, withTaint } from "../../core/placement/taints.ts";
import { ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { Problem } from "../../wire/errors.ts";
import { keys } from "../../wire/records.ts";
import { refuse } from "../http/problem-error.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { type ChangePlan, nothingToDo, unchanged, withRelations } from "./change.ts";

/** Taints that one node may have. */
const taintsMax = 16;

/** A node is closed only while another one is online and open to every service; it is opened always. */
export function planTaint(
  tables: ViewTables,
  node: NodeId,
  { taint, wish }: { readonly taint: string; readonly wish: "on" | "off" },
): Result<ChangePlan, Problem> {
  const row = tables.nodes.get(node);
  if (row === undefined) return refuse("not-found", `there is no node "${node}"`);
  const { taints } = row.value;
  if (taints.includes(taint) === (wish === "on")) return ok(nothingToDo);
  if (wish === "on") {
    if (taints.length >= taintsMax) {
      return refuse("too-many", `node "${node}" has ${taintsMax} taints already`);
    }
    const because = whyNotClose(node, openNodes(tables));
    if (because !== undefined) return refuse("refused", because);
  }
  const key = `${keys.nodes}${node}`;
  const record = { ...row.value, taints: withTaint(taints, taint, wish) };
  const plan: ChangePlan = {
    compare: [unchanged(key, row)],
    operations: [{ kind: "put", key, value: jsonOf(record) }],
    action: wish === "on" ? "node.taint" : "node.untaint",
    subject: node,
    detail: taint,
  };
  // Two that are closed at the same moment must not each count on the other.
  return ok(wish === "on" ? withRelations(tables, plan) : plan);
}

function* openNodes(tables: ViewTables): Iterable<OpenNode> {
  for (const [node, { value }] of tables.nodes) {
    const isOnline = tables.nodeStates.get(node)?.value.state === "online";
    yield { node, isOnline, taints: value.taints, mode: value.mode };
  }
}
