/** What the purge of a node writes besides: it is in no HA group any more, and nothing is kept of what its agent said. */
import type { NodeId } from "../../core/ids.ts";
import type { InstantMs } from "../../core/time.ts";
import type { Compare, Operation } from "../../ports/store.ts";
import { keys } from "../../wire/records.ts";
import { jsonOf } from "../manager-records.ts";
import type { FleetMirror } from "./fleet-mirror.ts";

/** Its part of the transaction, conditional on that nobody puts the node into another group meanwhile. */
export function leftBehind(
  node: NodeId,
  { mirror, now }: { readonly mirror: FleetMirror; readonly now: InstantMs },
): { readonly compare: readonly Compare[]; readonly operations: readonly Operation[] } {
  const memberKey = `${keys.haMembers}${node}`;
  const member = mirror.haGroupOf(node);
  const report: Operation = { kind: "delete", key: `${keys.agentUpgradeReports}${node}` };
  if (member === undefined) {
    return { compare: [{ kind: "absent", key: memberKey }], operations: [report] };
  }
  const compare: Compare[] = [{ kind: "modified-at", key: memberKey, revision: member.revision }];
  const operations: Operation[] = [report, { kind: "delete", key: memberKey }];
  const group = mirror.haGroup(member.value);
  if (group !== undefined) {
    // Written anew, so that its revision is that of the whole group.
    const key = `${keys.haGroups}${group.value.name}`;
    compare.push({ kind: "modified-at", key, revision: group.revision });
    operations.push({ kind: "put", key, value: jsonOf({ ...group.value, updatedAtMs: now }) });
  }
  return { compare, operations };
}
