/** The audit of orders that servers took while they only waited for the store's schema: it could not be written then. */
import type { DeskOrder } from "../../runtime/manager-desk.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { UpgradeRecord } from "../../wire/control-plane/upgrades.ts";
import { keys } from "../../wire/records.ts";
import { auditEntry } from "../changes/audit-entry.ts";
import { unchanged } from "../changes/change.ts";
import type { Row } from "../view/table-slots.ts";

/**
 * Moves them from the upgrade to the audit, after the newest entry that is known there (its key); undefined: there are
 * none. Each order's own time is in its entry.
 */
export function lateAudit(
  row: Row<UpgradeRecord> | undefined,
  lastAuditKey: string | undefined,
): DeskOrder | undefined {
  const { unaudited = [], ...upgrade } = row?.value ?? {};
  if (unaudited.length === 0) return undefined;
  const detail = `${row?.value.from} to ${row?.value.to.version}, told to a server that waited for the schema`;
  let lastKey = lastAuditKey;
  const entries = unaudited.map(({ order, who, from, atMs }) => {
    const action = order === "unfreeze" ? "cluster.unfreeze" : `upgrade.${order}`;
    const facts = { who, from, action, subject: "cluster", detail };
    const entry = auditEntry(facts, { lastKey, nowMs: atMs });
    lastKey = entry.key;
    return entry;
  });
  return {
    compare: [
      unchanged(keys.systemUpgrade, row),
      ...entries.map(({ key }) => ({ kind: "absent" as const, key })),
    ],
    operations: [{ kind: "put", key: keys.systemUpgrade, value: jsonOf(upgrade) }, ...entries],
  };
}
