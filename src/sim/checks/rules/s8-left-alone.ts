/** S8: a node that a person has put offline is not fenced, and what it had is not recovered elsewhere, until they enable it. */
import type { NodeId } from "../../../core/ids.ts";
import { nodeIdIn } from "../../../runtime/manager-records.ts";
import { keys, type StatusRecord } from "../../../wire/records.ts";
import { readNode, readStatus } from "../../store/records.ts";
import type { Check, CheckContext } from "../check.ts";
import { toleranceMsOf } from "./recent.ts";

/** Compares what managers decide about a node's loss with what persons said of it. */
export function createLeftAloneCheck(context: CheckContext): Check {
  const { view, ledger, accuse } = context;
  const toleranceMs = toleranceMsOf(view.plan.pace);
  const offlineSinceMs = new Map<NodeId, number>();

  /** For so long that every manager knows it. */
  function isOffline(node: NodeId): boolean {
    const sinceMs = offlineSinceMs.get(node);
    return sinceMs !== undefined && view.nowMs - sinceMs > toleranceMs;
  }

  function checkLoss(next: StatusRecord): void {
    const before = ledger.statuses.get(next.service);
    const isLost = next.state === "fence" || next.state === "recovery";
    if (!isLost || next.node === undefined || !isOffline(next.node)) return;
    if (before?.state === "fence" || before?.state === "recovery") return;
    accuse("S8", `${next.service} goes to ${next.state}, and its node ${next.node} is offline`);
  }

  return {
    beforeCommit({ changes }) {
      for (const change of changes) {
        if (change.kind !== "put" || !change.entry.key.startsWith(keys.statuses)) continue;
        checkLoss(readStatus(change.entry));
      }
    },
    afterCommit({ changes }) {
      for (const change of changes) {
        const key = change.kind === "put" ? change.entry.key : change.key;
        if (!key.startsWith(keys.nodes)) continue;
        const node = nodeIdIn(key, keys.nodes);
        if (change.kind !== "put" || readNode(change.entry).mode !== "offline") {
          offlineSinceMs.delete(node);
        } else if (!offlineSinceMs.has(node)) offlineSinceMs.set(node, view.nowMs);
      }
    },
  };
}
