/** The plans of freezing the cluster, and of taking that back. */
import { err, ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { freezeRequestSchema } from "../../wire/api.ts";
import type { Problem } from "../../wire/errors.ts";
import { type FreezeRecord, keys } from "../../wire/records.ts";
import { brokenPrecondition, type Precondition } from "../http/etag.ts";
import { freezeInForce } from "../view/freeze.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { type ChangePlan, nothingToDo, unchanged } from "./change.ts";

type FreezeWish = ReturnType<typeof freezeRequestSchema.parse>;

interface FreezeOptions {
  readonly precondition: Precondition;
  /** Who asks; of an upgrade, its own name for itself. */
  readonly by: string;
  /** By the wall clock. */
  readonly nowMs: number;
}

/** Freezes the cluster. A freeze that there is already is replaced, its beginning stays. */
export function planFreeze(
  tables: ViewTables,
  wish: FreezeWish,
  options: FreezeOptions,
): Result<ChangePlan, Problem> {
  const { precondition, by, nowMs } = options;
  const before = freezeInForce(tables, nowMs);
  const broken = brokenPrecondition(precondition, "the freeze", before?.revision ?? 0);
  if (broken !== undefined) return err(broken);
  const { forMs, reason, failover } = wish;
  const record: FreezeRecord = {
    version: 1,
    by,
    ...(reason === undefined ? {} : { reason }),
    sinceMs: before?.value.sinceMs ?? nowMs,
    ...(forMs === undefined ? {} : { untilMs: nowMs + forMs }),
    failover,
  };
  return ok({
    compare: [unchanged(keys.freeze, tables.freeze)],
    operations: [{ kind: "put", key: keys.freeze, value: jsonOf(record) }],
    action: "cluster.freeze",
    subject: "cluster",
    detail: detailOf(wish),
    whileFrozen: "goes-on",
  });
}

function detailOf({ forMs, reason, failover }: FreezeWish): string {
  const span = forMs === undefined ? "" : `for ${Math.round(forMs / 1_000)} s`;
  const held = failover ? "" : "failover held";
  return [span, held, reason ?? ""].filter((part) => part !== "").join(", ");
}

/** Takes the freeze back, whoever it is of. */
export function planUnfreeze(
  tables: Pick<ViewTables, "freeze">,
  { precondition, nowMs }: Omit<FreezeOptions, "by">,
): Result<ChangePlan, Problem> {
  const { freeze } = tables;
  const before = freezeInForce(tables, nowMs);
  const broken = brokenPrecondition(precondition, "the freeze", before?.revision ?? 0);
  if (broken !== undefined) return err(broken);
  if (before === undefined) return ok(nothingToDo);
  const { by } = before.value;
  return ok({
    compare: [unchanged(keys.freeze, freeze)],
    operations: [{ kind: "delete", key: keys.freeze }],
    action: "cluster.unfreeze",
    subject: "cluster",
    detail: `frozen by ${by}`,
    whileFrozen: "goes-on",
  });
}
