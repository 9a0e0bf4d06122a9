/** S5: every write of a manager names its own election, which holds at that instant. */

import type { Operation, Txn } from "../../../ports/store.ts";
import { serviceIdIn } from "../../../runtime/manager-records.ts";
import { keys } from "../../../wire/records.ts";
import { readStatus } from "../../store/records.ts";
import type { Check, CheckContext } from "../check.ts";

/** What nobody but a manager writes. */
const managerPrefixes: readonly string[] = [
  keys.statuses,
  keys.nodeStates,
  keys.events,
  keys.armingState,
  keys.rejectedRules,
];

/** Looks at every transaction that changed something of the manager's. */
export function createOwnElectionCheck({ ledger, accuse }: CheckContext): Check {
  return {
    beforeCommit({ txn, changes }) {
      if (txn === undefined) return;
      const written = txn.then.find((operation) => isManagers(operation, txn));
      if (written === undefined) return;
      const { managerRevision } = ledger;
      const names = txn.compare.some(
        (fact) =>
          fact.kind === "created-at" &&
          fact.key === keys.manager &&
          fact.revision === managerRevision,
      );
      if (!names || managerRevision === undefined) {
        accuse("S5", `${written.key} is written by a manager that does not name its election`);
      }
      for (const change of changes) {
        if (change.kind !== "put" || !change.entry.key.startsWith(keys.statuses)) continue;
        const service = serviceIdIn(change.entry.key, keys.statuses);
        const { uid } = readStatus(change.entry);
        if (uid === ledger.statuses.get(service)?.uid) continue;
        if (uid.startsWith(`${managerRevision}.`)) continue;
        accuse(
          "S5",
          `${uid} for ${service} was made under another election than ${managerRevision}`,
        );
      }
    },
  };
}

function isManagers(operation: Operation, txn: Txn): boolean {
  const { key, kind } = operation;
  if (managerPrefixes.some((prefix) => key.startsWith(prefix))) return true;
  if (kind === "delete") return key.startsWith(keys.commands) || key.startsWith(keys.services);
  if (!key.startsWith(keys.epochs)) return false;
  return !txn.then.some((other) => other.key.startsWith(keys.leases)); // else it is a grant
}
