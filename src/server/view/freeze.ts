/** Whether the cluster is frozen, as people see it, and what somebody is told who is refused for it. */
import { freezeWords, isInForce } from "../../core/model/freeze.ts";
import { instantMs } from "../../core/time.ts";
import { freezeOf } from "../../runtime/manager-records.ts";
import type { FreezeResource } from "../../wire/api.ts";
import { type Problem, problemOf } from "../../wire/errors.ts";
import type { FreezeRecord } from "../../wire/records.ts";
import type { Row } from "./table-slots.ts";
import type { ViewTables } from "./view-tables.ts";

type Tables = Pick<ViewTables, "freeze">;

/** The freeze that counts at this instant of the wall clock; undefined: people may change things. */
export function freezeInForce({ freeze }: Tables, nowMs: number): Row<FreezeRecord> | undefined {
  if (freeze === undefined) return undefined;
  return isInForce(freezeOf(freeze.value), instantMs(nowMs)) ? freeze : undefined;
}

/** What was said and how long it holds. Revision 0: the cluster is not frozen. */
export function freezeResource(tables: Tables, nowMs: number): FreezeResource {
  const row = freezeInForce(tables, nowMs);
  if (row === undefined) return { revision: 0, frozen: false, failover: true };
  const { version: _, ...said } = row.value;
  return { revision: row.revision, frozen: true, ...said };
}

/** Why a change is refused now; undefined: it is not. */
export function refusalWhileFrozen(tables: Tables, nowMs: number): Problem | undefined {
  const row = freezeInForce(tables, nowMs);
  if (row === undefined) return undefined;
  const { untilMs } = row.value;
  const until = untilMs === undefined ? "until somebody ends it" : `until ${timeWords(untilMs)}`;
  const words = freezeWords(freezeOf(row.value));
  return problemOf("frozen", `nothing was changed: the cluster is ${words} (${until})`);
}

function timeWords(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
