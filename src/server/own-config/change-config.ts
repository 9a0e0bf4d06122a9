/** What each server has of its own, as people see it, and the order with which one is told to change something of it. */
import { randomUUID } from "node:crypto";
import { ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import {
  type ServerConfigOrderRecord,
  type ServerConfigRecord,
  type ServerConfigResource,
  type ServerSettingsChange,
  serverSettingNames,
} from "../../wire/control-plane/server-config.ts";
import type { Problem } from "../../wire/errors.ts";
import { keys } from "../../wire/records.ts";
import { type Actor, type ChangePlan, change, nothingToDo, unchanged } from "../changes/change.ts";
import type { ServerContext } from "../context.ts";
import { refuse } from "../http/problem-error.ts";
import { untilShown } from "../view/until-shown.ts";
import type { ViewTables } from "../view/view-tables.ts";

/** A server that runs takes an order within moments; one that does not takes it when it starts. */
const takenWithinMs = 3_000;

/** All servers that have told of themselves, in the order of their ids. */
export function serverConfigs(tables: ViewTables): ServerConfigResource[] {
  return [...tables.serverConfigs.values()]
    .map(({ value }) => resourceOf(tables, value))
    .sort((left, right) => Number(left.id) - Number(right.id));
}

function resourceOf(tables: ViewTables, record: ServerConfigRecord): ServerConfigResource {
  const { id, name, values, sources, pending } = record;
  const order = tables.serverConfigOrders.get(id)?.value;
  const waiting = Object.entries(order?.change ?? {}).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  const config = { id, name, values, sources, pending };
  return order === undefined ? config : { ...config, waiting: Object.fromEntries(waiting) };
}

/** Tells a server, and waits a moment for it to have done it. */
export async function changeServerConfig(
  context: ServerContext,
  id: string,
  wanted: ServerSettingsChange,
  actor: Actor,
): Promise<Result<ServerConfigResource, Problem>> {
  const order = randomUUID();
  const changed = await change(context, actor, (tables) =>
    planOrder(tables, { id, wanted, order }),
  );
  if (!changed.ok) return changed;
  await untilShown(context, (tables) => !tables.serverConfigOrders.has(id), takenWithinMs);
  const { tables } = context.view;
  const record = tables.serverConfigs.get(id)?.value;
  if (record === undefined) return unknownServer(id);
  const { lastOrder } = record;
  if (lastOrder?.id === order && lastOrder.error !== undefined) {
    return refuse("store-refuses", `server "${record.name}" could not do it: ${lastOrder.error}`);
  }
  return ok(resourceOf(tables, record));
}

interface OrderWords {
  readonly id: string;
  readonly wanted: ServerSettingsChange;
  /** Of the order. */
  readonly order: string;
}

function planOrder(
  tables: ViewTables,
  { id, wanted, order }: OrderWords,
): Result<ChangePlan, Problem> {
  const record = tables.serverConfigs.get(id)?.value;
  if (record === undefined) return unknownServer(id);
  for (const name of serverSettingNames) {
    const source = record.sources[name];
    if (wanted[name] === undefined || (source !== "flag" && source !== "environment")) continue;
    const by = source === "flag" ? "a flag" : "the environment";
    return refuse(
      "refused",
      `${name} of server "${record.name}" is given by ${by} when it is started; take it away there first`,
    );
  }
  const pending = tables.serverConfigOrders.get(id);
  if (pending === undefined && isSo(record, wanted)) return ok(nothingToDo);
  const key = `${keys.serverConfigOrders}${id}`;
  const merged: ServerConfigOrderRecord = {
    ...{ version: 1, id, order },
    change: { ...pending?.value.change, ...wanted },
  };
  return ok({
    compare: [
      unchanged(key, pending),
      { kind: "present", key: `${keys.serverConfigs}${id}` },
      { kind: "absent", key: `${keys.removedServers}${id}` },
    ],
    operations: [{ kind: "put", key, value: jsonOf(merged) }],
    action: "server.configure",
    subject: `server/${id}`,
    detail: JSON.stringify(wanted),
  });
}

/** Nothing of it would change anything. */
function isSo(
  { values, sources, pending }: ServerConfigRecord,
  wanted: ServerSettingsChange,
): boolean {
  return serverSettingNames.every((name) => {
    const value = wanted[name];
    if (value === undefined) return true;
    if (value === null) return sources[name] !== "set";
    return sources[name] === "set" && (pending[name] ?? values[name]) === value;
  });
}

function unknownServer(id: string): ReturnType<typeof refuse> {
  return refuse("not-found", `there is no server "${id}" that has told of its configuration`);
}
