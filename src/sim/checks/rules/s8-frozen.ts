/**
 * S8: while a person has frozen the cluster, nobody is moved to a better place, and, where failover is held, no node is
 * fenced and nothing recovered or moved.
 */
import { nodeIdIn } from "../../../runtime/manager-records.ts";
import type { FreezeRecord, StatusRecord } from "../../../wire/records.ts";
import { keys } from "../../../wire/records.ts";
import { readFreeze, readStatus } from "../../store/records.ts";
import type { Commit } from "../../store/simulated-store.ts";
import type { Check, CheckContext } from "../check.ts";
import { toleranceMsOf } from "./recent.ts";

const movingStates: ReadonlySet<string> = new Set(["migrate", "relocate", "request_start_balance"]);
/** Moves that are nobody's need. */
const comfortCodes: ReadonlySet<string> = new Set([
  "better-node",
  "rebalanced",
  "rebalanced-on-start",
  "maintenance-over",
]);

/** Compares what managers write with a freeze that they must know of. */
export function createFrozenCheck({ view, ledger, accuse }: CheckContext): Check {
  const toleranceMs = toleranceMsOf(view.plan.pace);
  let frozen: { readonly record: FreezeRecord; readonly sinceMs: number } | undefined;

  /** The freeze that every manager has known for a while, and whose time is not about to be over. */
  function settled(): FreezeRecord | undefined {
    if (frozen === undefined || view.nowMs - frozen.sinceMs <= toleranceMs) return undefined;
    const { untilMs } = frozen.record;
    const isEnding = untilMs !== undefined && view.nowMs >= untilMs - toleranceMs;
    return isEnding ? undefined : frozen.record;
  }

  function checkStatus(next: StatusRecord, { failover }: FreezeRecord): void {
    const before = ledger.statuses.get(next.service);
    if (before === undefined || before.uid === next.uid) return;
    const { service, state } = next;
    const { code } = next.reason;
    const begins = movingStates.has(state) && !movingStates.has(before.state);
    if (begins && comfortCodes.has(code)) {
      accuse("S8", `${service} is moved (${code}) in a frozen cluster`);
    } else if (begins && !failover && code !== "command") {
      accuse("S8", `${service} is moved (${code}) while failover is held`);
    } else if (!failover && before.state === "recovery" && next.node !== before.node) {
      accuse("S8", `${service} is recovered while failover is held`);
    }
  }

  return {
    beforeCommit({ txn, changes }) {
      const freeze = settled();
      if (freeze === undefined) return;
      for (const change of changes) {
        if (change.kind !== "put") continue;
        const { key } = change.entry;
        if (key.startsWith(keys.statuses)) checkStatus(readStatus(change.entry), freeze);
        if (!freeze.failover && key.startsWith(keys.epochs) && !isGrant(txn)) {
          accuse("S8", `${nodeIdIn(key, keys.epochs)} is fenced while failover is held`);
        }
      }
    },
    afterCommit({ changes }) {
      for (const change of changes) {
        if (change.kind === "delete") {
          if (change.key === keys.freeze) frozen = undefined;
        } else if (change.entry.key === keys.freeze) {
          frozen = { record: readFreeze(change.entry), sinceMs: view.nowMs };
        }
      }
    },
  };
}

/** An epoch that is raised with a lease is no fencing. */
function isGrant(txn: Commit["txn"]): boolean {
  return txn?.then.some(({ key }) => key.startsWith(keys.leases)) === true;
}
