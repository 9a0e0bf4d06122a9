/**
 * S1, on the way: a service makes one move at a time. The instruction for a move is replaced by another operation only
 * after its source's word on that very move, or with the end of the source's lease.
 */
import type { Epoch } from "../../../core/ids.ts";
import { serviceIdIn } from "../../../runtime/manager-records.ts";
import { keys, type StatusRecord } from "../../../wire/records.ts";
import { readStatus } from "../../store/records.ts";
import type { Check, CheckContext } from "../check.ts";

const movingStates: ReadonlySet<string> = new Set(["migrate", "relocate", "request_start_balance"]);

/** Looks at every status that replaces that of a move. */
export function createOneWayCheck({ ledger, accuse }: CheckContext): Check {
  function isOver(before: StatusRecord): boolean {
    if (ledger.reports.get(before.service)?.uid === before.uid) return true;
    const { node, nodeEpoch } = before;
    if (node === undefined) return true;
    const lease: Epoch | undefined = ledger.leases.get(node)?.epoch;
    return lease !== nodeEpoch;
  }

  return {
    beforeCommit({ changes }) {
      for (const change of changes) {
        if (change.kind !== "put" || !change.entry.key.startsWith(keys.statuses)) continue;
        const before = ledger.statuses.get(serviceIdIn(change.entry.key, keys.statuses));
        const next = readStatus(change.entry);
        if (before === undefined || !movingStates.has(before.state)) continue;
        if (next.uid === before.uid || next.state === "fence") continue;
        if (isOver(before)) continue;
        accuse("S1", `${before.service} is put from ${before.state} to ${next.state} on its way`);
      }
    },
  };
}
