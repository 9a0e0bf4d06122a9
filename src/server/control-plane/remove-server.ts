/**
 * A person takes a server out of the control plane. The counts are looked at here, so that the refusal has its reason;
 * the manager counts anew and does it, one removal after the other, so that no two people can take out one too many.
 */
import { removalVerdict } from "../../core/members/purge-server.ts";
import { ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { Problem } from "../../wire/errors.ts";
import { keys } from "../../wire/records.ts";
import { type Actor, type ChangePlan, change, nothingToDo, unchanged } from "../changes/change.ts";
import type { ServerContext } from "../context.ts";
import { refuse } from "../http/problem-error.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { surveyServers } from "./keeper/survey.ts";

/** An election and some seconds of the store's own patience fit in. */
const carriedOutWithinMs = 25_000;

/** Removes it and waits until that is done. */
export async function removeServer(
  context: ServerContext,
  id: string,
  actor: Actor,
): Promise<Result<void, Problem>> {
  const allowed = await whyNotNow(context, id);
  if (!allowed.ok) return allowed;
  const ordered = await change(context, actor, (tables) => plan(context, tables, id, actor));
  if (!ordered.ok) return ordered;
  const isDone = await untilOrderGone(context, id);
  if (!isDone) {
    return refuse(
      "outcome-unknown",
      `server ${id} is not removed yet; the manager goes on with it: look with holdfast server list`,
    );
  }
  if (!context.view.tables.servers.has(id)) return ok(undefined);
  const still = await whyNotNow(context, id);
  return still.ok
    ? refuse("conflict", `server ${id} was not removed: other servers changed at the same moment`)
    : still;
}

async function whyNotNow(context: ServerContext, id: string): Promise<Result<void, Problem>> {
  const survey = await surveyServers(context);
  if (!survey.ok) return refuse("unavailable", survey.error);
  const { members, tables } = survey.value;
  if (!tables.servers.has(id)) return notThere(tables, id);
  const { readyServersMin } = tables.settings.value;
  const verdict = removalVerdict({ members, id, readyServersMin });
  if (verdict.kind === "may-go") return ok(undefined);
  return refuse("refused", `server ${id} cannot be removed: ${verdict.because}`);
}

function notThere(tables: ViewTables, id: string): ReturnType<typeof refuse> {
  const removed = tables.removedServers.get(id)?.value;
  const words = removed === undefined ? "" : ` any more (${removed.because})`;
  return refuse("not-found", `there is no server ${id}${words}`);
}

function plan(
  { clock }: ServerContext,
  tables: ViewTables,
  id: string,
  actor: Actor,
): Result<ChangePlan, Problem> {
  const server = tables.servers.get(id);
  if (server === undefined) return notThere(tables, id);
  const row = tables.serverRemovals.get(id);
  if (row?.value.kind === "person") return ok(nothingToDo);
  const key = `${keys.serverRemovals}${id}`;
  const by = actor.identity.who;
  const order = { version: 1, id, kind: "person", by, atMs: clock.wallMs() };
  return ok({
    compare: [unchanged(key, row), unchanged(`${keys.servers}${id}`, server)],
    operations: [{ kind: "put", key, value: jsonOf(order) }],
    action: "server.remove",
    subject: id,
    detail: `"${server.value.name}"`,
  });
}

/** False: the time is over first. */
async function untilOrderGone({ view, clock }: ServerContext, id: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const look = (): void => {
    if (!view.tables.serverRemovals.has(id)) resolve(true);
  };
  const deaf = view.listen({ changed: look, reset: look });
  const cancel = clock.after(carriedOutWithinMs, () => resolve(false));
  look();
  try {
    return await promise;
  } finally {
    deaf();
    cancel();
  }
}
