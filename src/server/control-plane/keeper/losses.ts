/** Which servers are lost and which are back, as one change after the other. */
import type { DeskOrder } from "../../../runtime/manager-desk.ts";
import { jsonOf } from "../../../runtime/manager-records.ts";
import { keys } from "../../../wire/records.ts";
import type { ServerRecord } from "../../../wire/servers.ts";
import { unchanged } from "../../changes/change.ts";
import type { Row } from "../../view/table-slots.ts";
import type { ViewTables } from "../../view/view-tables.ts";

/** The next record of a loss that has to be written, taken away or corrected; undefined: all are right. */
export function nextLossChange(tables: ViewTables, nowMs: number): DeskOrder | undefined {
  for (const row of tables.servers.values()) {
    const order = changeFor(tables, row, nowMs);
    if (order !== undefined) return order;
  }
  for (const [id, row] of tables.lostServers) {
    const key = `${keys.lostServers}${id}`;
    if (tables.servers.has(id)) continue;
    return { compare: [unchanged(key, row)], operations: [{ kind: "delete", key }] };
  }
  return undefined;
}

function changeFor(
  tables: ViewTables,
  server: Row<ServerRecord>,
  nowMs: number,
): DeskOrder | undefined {
  const { id, name } = server.value;
  const lost = tables.lostServers.get(id);
  const isAlive = tables.serverLeases.has(id);
  const key = `${keys.lostServers}${id}`;
  const leaseKey = `${keys.serverLeases}${id}`;
  const subject = `server/${id}`;
  if (!isAlive && lost === undefined) {
    const reason = { code: "server-lost", server: id, name } as const;
    return {
      compare: [
        { kind: "absent", key: leaseKey },
        { kind: "absent", key },
        unchanged(`${keys.servers}${id}`, server),
      ],
      operations: [{ kind: "put", key, value: jsonOf({ version: 1, id, sinceMs: nowMs }) }],
      event: { kind: "cluster", subject, reason },
    };
  }
  if (isAlive && lost !== undefined) {
    const reason = { code: "server-back", server: id, name } as const;
    return {
      compare: [unchanged(leaseKey, tables.serverLeases.get(id)), unchanged(key, lost)],
      operations: [{ kind: "delete", key }],
      event: { kind: "cluster", subject, reason },
    };
  }
  return lost === undefined ? undefined : withoutOldReason(tables, lost, nowMs);
}

/** A reason that was told while its time was over says nothing after a change of the settings. */
function withoutOldReason(
  tables: ViewTables,
  lost: NonNullable<ReturnType<ViewTables["lostServers"]["get"]>>,
  nowMs: number,
): DeskOrder | undefined {
  const { purgeAfterMs } = tables.settings.value;
  const { because, ...rest } = lost.value;
  const isDue = purgeAfterMs > 0 && nowMs >= lost.value.sinceMs + purgeAfterMs;
  if (because === undefined || isDue) return undefined;
  const key = `${keys.lostServers}${rest.id}`;
  return {
    compare: [unchanged(key, lost)],
    operations: [{ kind: "put", key, value: jsonOf(rest) }],
  };
}
