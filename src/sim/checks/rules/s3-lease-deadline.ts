/**
 * S3: when a node's lease ends in the store, nothing executes there any more that may be started elsewhere from then
 * on. What may outlive the lease, by the store's own word, is left out.
 */
import type { NodeId } from "../../../core/ids.ts";
import { nodeIdIn } from "../../../runtime/manager-records.ts";
import { keys, type LeaseRecord } from "../../../wire/records.ts";
import { type Copy, isExecuting } from "../../node/copies.ts";
import type { Check, CheckContext } from "../check.ts";

/** Looks at the node's copies at the instant at which its lease ends. */
export function createLeaseDeadlineCheck({ view, ledger, accuse }: CheckContext): Check {
  function onLeaseEnd(node: NodeId, lease: LeaseRecord): void {
    for (const copy of view.copies.values()) {
      if (copy.node !== node || !isExecuting(copy) || !hadToEnd(copy, lease)) continue;
      accuse(
        "S3",
        `${copy.service} is ${copy.state} on ${node} as its lease of epoch ${lease.epoch} ends`,
      );
    }
  }

  function hadToEnd(copy: Copy, lease: LeaseRecord): boolean {
    if (lease.resetsOnLoss === true) return true;
    if (copy.tracked && copy.startedUnder?.epoch === lease.epoch) return true;
    const status = ledger.statuses.get(copy.service);
    const isBound = status?.node === copy.node && status.nodeEpoch === lease.epoch;
    return isBound && status.state !== "ignored" && status.mayOutliveLease !== true;
  }

  return {
    beforeCommit({ changes }) {
      for (const change of changes) {
        const key = change.kind === "put" ? change.entry.key : change.key;
        if (!key.startsWith(keys.leases)) continue;
        const node = nodeIdIn(key, keys.leases);
        const lease = ledger.leases.get(node);
        if (lease !== undefined && change.kind === "delete") onLeaseEnd(node, lease);
      }
    },
  };
}
