/** The upgrade of the control plane as a server that waits reads and changes it: its record has one shape in all schemas. */
import { ok, type Result } from "../../core/result.ts";
import type { TakenOrder } from "../../core/upgrade/model.ts";
import type { UpgradeOrderWord } from "../../core/upgrade/orders.ts";
import {
  type UpgradeRecord,
  type UpgradeResource,
  upgradeRecordSchema,
} from "../../wire/control-plane/upgrades.ts";
import type { Problem } from "../../wire/errors.ts";
import { keys } from "../../wire/records.ts";
import { fromStore, refuse } from "../http/problem-error.ts";
import { changeAttemptsMax } from "../limits.ts";
import { planUpgradeOrder, upgradeResource } from "../upgrade/plan-upgrade.ts";
import type { Row } from "../view/table-slots.ts";
import { readRow, type WaitingStore } from "./waiting-calls-store.ts";

/** The one that is under way, or the last one; null: there has never been one. */
export async function tellUpgrade(
  store: WaitingStore,
): Promise<Result<UpgradeResource | null, Problem>> {
  const row = await upgradeRow(store);
  return row.ok ? ok(upgradeResource({ systemUpgrade: row.value })) : row;
}

/** Gives the order, unless it cannot be asked for now; tried again when others have changed the upgrade meanwhile. */
export async function orderUpgrade(
  store: WaitingStore,
  { order, who, from, atMs }: TakenOrder & { readonly order: UpgradeOrderWord },
): Promise<Result<UpgradeResource | null, Problem>> {
  for (let attempt = 0; attempt < changeAttemptsMax; attempt += 1) {
    const row = await upgradeRow(store);
    if (!row.ok) return row;
    const plan = planUpgradeOrder({ systemUpgrade: row.value }, order, who, { from, atMs });
    if (!plan.ok) return plan;
    // What goes with it elsewhere may be of another schema.
    const { compare, operations: then } = plan.value;
    const written = fromStore(await store.txn({ compare, then }));
    if (!written.ok) return written;
    if (written.value.succeeded) return await tellUpgrade(store);
  }
  return refuse("conflict", "others are changing the same thing all the time");
}

/** Its record. */
export async function upgradeRow(
  store: WaitingStore,
): Promise<Result<Row<UpgradeRecord> | undefined, Problem>> {
  const key = keys.systemUpgrade;
  return await readRow(store, { key, schema: upgradeRecordSchema, what: "the upgrade's record" });
}
