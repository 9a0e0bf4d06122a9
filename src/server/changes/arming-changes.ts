/** The plan of suspending the cluster's own decisions, or taking them up again. */
import { err, ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { armingRequestSchema } from "../../wire/api.ts";
import { type Problem, problemOf } from "../../wire/errors.ts";
import { type ArmingRecord, keys } from "../../wire/records.ts";
import { brokenPrecondition, type Precondition } from "../http/etag.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { type ChangePlan, nothingToDo, unchanged } from "./change.ts";

type ArmingWish = ReturnType<typeof armingRequestSchema.parse>;

/** Asks for the mode. From one way of being disarmed to the other it goes by way of being armed. */
export function planArming(
  tables: ViewTables,
  wish: ArmingWish,
  options: { readonly precondition: Precondition; readonly by: string; readonly nowMs: number },
): Result<ChangePlan, Problem> {
  const { arming } = tables;
  const broken = brokenPrecondition(options.precondition, "the arming", arming?.revision ?? 0);
  if (broken !== undefined) return err(broken);
  const mode = arming?.value.mode ?? "armed";
  if (mode === wish.mode) return ok(nothingToDo);
  if (mode !== "armed" && wish.mode !== "armed") {
    return err(
      problemOf("refused", `the cluster is disarmed with "${mode}" already; arm it first`),
    );
  }
  const record: ArmingRecord = {
    version: 1,
    mode: wish.mode,
    by: options.by,
    reason: wish.reason,
    sinceMs: options.nowMs,
  };
  return ok({
    compare: [unchanged(keys.arming, arming)],
    operations: [{ kind: "put", key: keys.arming, value: jsonOf(record) }],
    action: wish.mode === "armed" ? "cluster.arm" : "cluster.disarm",
    subject: "cluster",
    detail: [wish.mode, ...(wish.reason === undefined ? [] : [wish.reason])].join(": "),
  });
}
