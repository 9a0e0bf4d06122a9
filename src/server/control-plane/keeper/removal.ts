/**
 * Taking one server out of the control plane: the store's member first, then one transaction that forgets the server and
 * revokes its certificates. The order for it is in the store before, so that whoever is manager next carries on.
 */
import { whyItMayBeUs } from "../../../core/members/missing.ts";
import { removalVerdict } from "../../../core/members/purge-server.ts";
import { whyMustStay } from "../../../core/members/quorum.ts";
import { err, type Result } from "../../../core/result.ts";
import type { DeskOrder, DeskOutcome, ManagerDesk } from "../../../runtime/manager-desk.ts";
import { keys } from "../../../wire/records.ts";
import type { ServerRecord, ServerRemovalRecord } from "../../../wire/servers.ts";
import { unchanged } from "../../changes/change.ts";
import type { ServerContext } from "../../context.ts";
import type { Row } from "../../view/table-slots.ts";
import type { ViewTables } from "../../view/view-tables.ts";
import { removalOf } from "../removed-server.ts";
import { nodeCountsOf, type Survey, storeMemberOf, surveyServers } from "./survey.ts";

export interface RemovalParts {
  readonly context: ServerContext;
  readonly desk: ManagerDesk;
  /** Of the time of office. */
  readonly signal: AbortSignal;
}

/**
 * Carries an order as far as it goes: to its end, or to a refusal when the counts do not allow it any more. The error
 * says what failed on the way; the order stays and is carried out later.
 */
export async function carryOutRemoval(
  parts: RemovalParts,
  order: Row<ServerRemovalRecord>,
): Promise<Result<DeskOutcome, string>> {
  const { context, desk, signal } = parts;
  const { id } = order.value;
  const survey = await surveyServers(context);
  if (!survey.ok) return survey;
  const row = survey.value.tables.servers.get(id);
  if (row === undefined) return await desk.write(forgetting(order));
  const member = storeMemberOf(survey.value.storeMembers, row.value);
  // Once its member is out there is no way back: only what is written of it is left to do.
  const isHalfDone = row.value.member !== undefined && isOwnStore(survey.value) && !member;
  const because = isHalfDone ? undefined : whyNot(survey.value, order.value);
  if (because !== undefined) {
    context.log.write("info", `server ${id} is not taken out: ${because}`);
    return await desk.write(refusal(order, row.value, because));
  }
  if (signal.aborted) return err("this server is not the manager any more");
  if (member !== undefined) {
    const removed = await context.members?.remove(member.id);
    if (removed?.ok === false && removed.error.kind !== "not-found") {
      return err(`the store's member of server ${id} cannot be removed: ${removed.error.message}`);
    }
  }
  const nowMs = context.clock.wallMs();
  const written = await desk.write(ending(survey.value.tables, order, row, nowMs));
  if (written.ok && written.value === "written")
    context.log.write("info", `server ${id} is taken out of the control plane`);
  return written;
}

function isOwnStore({ storeMembers }: Survey): boolean {
  return storeMembers.length > 0;
}

/** Counted anew at this instant. */
function whyNot(survey: Survey, { id, kind }: ServerRemovalRecord): string | undefined {
  const { members, tables } = survey;
  const { readyServersMin } = tables.settings.value;
  if (kind === "person") {
    const verdict = removalVerdict({ members, id, readyServersMin });
    return verdict.kind === "may-go" ? undefined : verdict.because;
  }
  if (tables.serverLeases.has(id)) return "it is back";
  return whyItMayBeUs(nodeCountsOf(tables)) ?? whyMustStay(members, id, readyServersMin);
}

function removalKey(id: string): string {
  return `${keys.serverRemovals}${id}`;
}

function forgetting(order: Row<ServerRemovalRecord>): DeskOrder {
  const key = removalKey(order.value.id);
  return { compare: [unchanged(key, order)], operations: [{ kind: "delete", key }] };
}

function refusal(
  order: Row<ServerRemovalRecord>,
  { id, name }: ServerRecord,
  because: string,
): DeskOrder {
  // Of a purge the reason is in the list of servers for as long as it holds.
  if (order.value.kind === "purge") return forgetting(order);
  const reason = { code: "server-not-removed", server: id, name, because } as const;
  return { ...forgetting(order), event: { kind: "cluster", subject: `server/${id}`, reason } };
}

/** The one transaction after which the server is none any more. */
function ending(
  tables: ViewTables,
  order: Row<ServerRemovalRecord>,
  row: Row<ServerRecord>,
  nowMs: number,
): DeskOrder {
  const { id, name } = row.value;
  const { by, kind } = order.value;
  const lostSinceMs = tables.lostServers.get(id)?.value.sinceMs ?? nowMs;
  const lostForMs = Math.max(0, nowMs - lostSinceMs);
  const reason =
    kind === "purge"
      ? ({ code: "server-purged", server: id, name, lostForMs } as const)
      : ({ code: "server-removed", server: id, name, by } as const);
  const because = kind === "purge" ? "it was lost for too long" : `${by} has removed it`;
  return {
    // Its record as it is now names every certificate that it was ever given.
    compare: [
      unchanged(removalKey(id), order),
      unchanged(`${keys.servers}${id}`, row),
      { kind: "absent", key: `${keys.removedServers}${id}` },
    ],
    operations: removalOf(row.value, { because, atMs: nowMs }),
    event: { kind: "cluster", subject: `server/${id}`, reason },
  };
}
