/**
 * The freeze as a server that waits reads it and takes it back: a freeze can always be undone, and its record has one shape
 * in all schemas. Of an upgrade that froze the cluster itself, the step `migrate` fails then, unless it is done.
 */
import { ok, type Result } from "../../core/result.ts";
import type { TakenOrder } from "../../core/upgrade/model.ts";
import { withUnaudited } from "../../core/upgrade/orders.ts";
import type { Operation } from "../../ports/store.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { FreezeResource } from "../../wire/api.ts";
import type { UpgradeRecord } from "../../wire/control-plane/upgrades.ts";
import type { Problem } from "../../wire/errors.ts";
import { type FreezeRecord, freezeRecordSchema, keys } from "../../wire/records.ts";
import { unchanged } from "../changes/change.ts";
import { planUnfreeze } from "../changes/freeze-changes.ts";
import type { Precondition } from "../http/etag.ts";
import { fromStore, refuse } from "../http/problem-error.ts";
import { changeAttemptsMax } from "../limits.ts";
import { freezeResource } from "../view/freeze.ts";
import type { Row } from "../view/table-slots.ts";
import { readRow, type WaitingStore } from "./waiting-calls-store.ts";
import { upgradeRow } from "./waiting-calls-upgrade.ts";

/** Who takes the freeze back, and what of it they know. */
export interface Unfreezing extends Omit<TakenOrder, "order"> {
  readonly precondition: Precondition;
}

/** What came of it. */
export interface Unfrozen {
  /** As it is now. */
  readonly freeze: FreezeResource;
  /** What was written; empty: nothing, the cluster was not frozen. */
  readonly detail: string;
}

/** Whether the cluster is frozen; `nowMs` is wall time. */
export async function tellFreeze(
  store: WaitingStore,
  nowMs: number,
): Promise<Result<FreezeResource, Problem>> {
  const freeze = await freezeRow(store);
  return freeze.ok ? ok(freezeResource({ freeze: freeze.value }, nowMs)) : freeze;
}

/** Takes it back, whoever it is of; tried again when others have changed it, or the upgrade, meanwhile. */
export async function unfreeze(
  store: WaitingStore,
  { precondition, ...taken }: Unfreezing,
): Promise<Result<Unfrozen, Problem>> {
  const nowMs = taken.atMs;
  for (let attempt = 0; attempt < changeAttemptsMax; attempt += 1) {
    const freeze = await freezeRow(store);
    if (!freeze.ok) return freeze;
    const upgrade = await upgradeRow(store);
    if (!upgrade.ok) return upgrade;
    const plan = planUnfreeze({ freeze: freeze.value }, { precondition, nowMs });
    if (!plan.ok) return plan;
    const { operations, detail } = plan.value;
    if (operations.length === 0) {
      return ok({ freeze: freezeResource({ freeze: freeze.value }, nowMs), detail: "" });
    }
    const compare = [...plan.value.compare, unchanged(keys.systemUpgrade, upgrade.value)];
    const then = [...operations, ...lateAuditOf(upgrade.value, taken)];
    const written = fromStore(await store.txn({ compare, then }));
    if (!written.ok) return written;
    if (!written.value.succeeded) continue;
    return ok({ freeze: freezeResource({ freeze: undefined }, nowMs), detail });
  }
  return refuse("conflict", "others are changing the same thing all the time");
}

/** The audit gets it from the upgrade, as it gets orders to it; where there has never been one, the log alone has it. */
function lateAuditOf(
  row: Row<UpgradeRecord> | undefined,
  taken: Omit<TakenOrder, "order">,
): readonly Operation[] {
  if (row === undefined) return [];
  const value = jsonOf(withUnaudited(row.value, { order: "unfreeze", ...taken }));
  return [{ kind: "put", key: keys.systemUpgrade, value }];
}

async function freezeRow(
  store: WaitingStore,
): Promise<Result<Row<FreezeRecord> | undefined, Problem>> {
  const key = keys.freeze;
  return await readRow(store, { key, schema: freezeRecordSchema, what: "the freeze's record" });
}
