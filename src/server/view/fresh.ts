/** Linearizable answers from the view: ask the store for its revision, then wait until the view shows it. */
import { ok, type Result } from "../../core/result.ts";
import type { StoreRevision } from "../../ports/store.ts";
import type { Problem } from "../../wire/errors.ts";
import { keys } from "../../wire/records.ts";
import type { ServerContext } from "../context.ts";
import { fromStore, refuse } from "../http/problem-error.ts";
import { viewWithinMs } from "../limits.ts";
import type { ViewTables } from "./view-tables.ts";

type ReadContext = Pick<ServerContext, "store" | "view">;

/** The tables as they are now or later: they show every write that was acknowledged before the call. */
export async function freshTables(context: ReadContext): Promise<Result<ViewTables, Problem>> {
  const now = fromStore(await context.store.get(keys.settings));
  if (!now.ok) return now;
  return await tablesAt(context, now.value.revision);
}

/** The tables at `revision` or later. */
export async function tablesAt(
  context: Pick<ServerContext, "view">,
  revision: StoreRevision,
): Promise<Result<ViewTables, Problem>> {
  if (await context.view.reach(revision, viewWithinMs)) return ok(context.view.tables);
  return refuse("unavailable", `this server's view has not reached revision ${revision} in time`);
}
