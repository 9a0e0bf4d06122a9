/**
 * Changes that people make: planned on fresh facts, written in one transaction that is conditional on them,
 * together with the audit's record. When another change came first, it is planned anew.
 */
import { err, ok, type Result } from "../../core/result.ts";
import type { Compare, Operation, StoreRevision } from "../../ports/store.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { Problem } from "../../wire/errors.ts";
import { keys } from "../../wire/records.ts";
import type { Identity } from "../access/identity.ts";
import type { ServerContext } from "../context.ts";
import { fromStore, refuse } from "../http/problem-error.ts";
import { auditKeptMax, changeAttemptsMax } from "../limits.ts";
import { refusalWhileFrozen } from "../view/freeze.ts";
import { freshTables, tablesAt } from "../view/fresh.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { auditEntry } from "./audit-entry.ts";

/** Who changes something, and from where. */
export interface Actor {
  readonly identity: Pick<Identity, "who">;
  readonly from: string;
  /** What they do changes nothing that a freeze keeps as it is. Absent: it is refused while the cluster is frozen. */
  readonly whileFrozen?: "goes-on";
}

/** What is to be written. With an action and no operations only the audit's record is. */
export interface ChangePlan {
  readonly compare: readonly Compare[];
  readonly operations: readonly Operation[];
  readonly action: string;
  readonly subject: string;
  readonly detail: string;
  /** What the person should know of it although it is done. */
  readonly warnings?: readonly string[];
  /** It is done in a frozen cluster, too, whoever asks. */
  readonly whileFrozen?: "goes-on";
}

/** The plan where all is already as it is wanted: nothing is recorded. */
export const nothingToDo: ChangePlan = {
  compare: [],
  operations: [],
  action: "",
  subject: "",
  detail: "",
};

/** The record is still the one that the plan was made on; no row: there is still none. */
export function unchanged(
  key: string,
  row: { readonly revision: StoreRevision } | undefined,
): Compare {
  return row === undefined || row.revision === 0
    ? { kind: "absent", key }
    : { kind: "modified-at", key, revision: row.revision };
}

/**
 * Makes the plan conditional on that nobody changes at the same time how things refer to each other: a check of names, order,
 * rules or room holds only as long as the others are as they were.
 */
export function withRelations(tables: ViewTables, plan: ChangePlan): ChangePlan {
  const key = keys.relations;
  const value = jsonOf({ version: 1, subject: plan.subject });
  return {
    ...plan,
    compare: [...plan.compare, unchanged(key, tables.relations)],
    operations: [...plan.operations, { kind: "put", key, value }],
  };
}

/**
 * Carries out what `plan` makes of the facts. Answers with the tables that show it. In a frozen cluster it is refused,
 * unless it is of those that go on; that the freeze is as it was seen is a condition of the write itself.
 */
export async function change(
  context: ServerContext,
  actor: Actor,
  plan: (tables: ViewTables) => Result<ChangePlan, Problem>,
): Promise<Result<ViewTables, Problem>> {
  for (let attempt = 0; attempt < changeAttemptsMax; attempt += 1) {
    const tables = await freshTables(context);
    if (!tables.ok) return tables;
    const planned = plan(tables.value);
    if (!planned.ok) return planned;
    if (planned.value.action === "") return ok(context.view.tables);
    const allowed = conditionalOnFreeze(tables.value, actor, planned.value, context.clock.wallMs());
    if (!allowed.ok) return allowed;
    const written = await write(context, actor, allowed.value);
    if (!written.ok) return written;
    if (written.value === undefined) continue;
    const shown = await tablesAt(context, written.value);
    // It is done: "unavailable" would have the caller do it again on another server.
    return shown.ok ? shown : refuse("outcome-unknown", `it was done, but ${shown.error.detail}`);
  }
  return refuse("conflict", "others are changing the same thing all the time");
}

function conditionalOnFreeze(
  tables: ViewTables,
  actor: Actor,
  plan: ChangePlan,
  nowMs: number,
): Result<ChangePlan, Problem> {
  if (actor.whileFrozen === "goes-on" || plan.whileFrozen === "goes-on") return ok(plan);
  const refusal = refusalWhileFrozen(tables, nowMs);
  if (refusal !== undefined) return err(refusal);
  return ok({ ...plan, compare: [...plan.compare, unchanged(keys.freeze, tables.freeze)] });
}

/** The revision of the write; undefined: the facts have changed. */
async function write(
  context: ServerContext,
  actor: Actor,
  plan: ChangePlan,
): Promise<Result<StoreRevision | undefined, Problem>> {
  const { action, subject, detail } = plan;
  const { from } = actor;
  const who = actor.identity.who;
  const lastKey = context.view.auditKeys.at(-1);
  const nowMs = context.clock.wallMs();
  const entry = auditEntry({ who, from, action, subject, detail }, { lastKey, nowMs });
  const outcome = fromStore(
    await context.store.txn({
      compare: [...plan.compare, { kind: "absent", key: entry.key }],
      then: [...plan.operations, entry, ...trimmed(context.view.auditKeys)],
    }),
  );
  if (!outcome.ok) return outcome;
  if (!outcome.value.succeeded) return ok(undefined);
  context.log.write("debug", `${action} ${subject}`, { who, from });
  return ok(outcome.value.revision);
}

function trimmed(auditKeys: readonly string[]): Operation[] {
  const excess = auditKeys.length + 1 - auditKeptMax;
  if (excess <= 0) return [];
  return auditKeys.slice(0, Math.min(excess, 10)).map((key) => ({ kind: "delete", key }));
}
