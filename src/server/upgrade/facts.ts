/** What an upgrade's steps look at, out of the tables and out of what the servers say themselves. */
import { firstSchema } from "../../core/migrations/create-migrations.ts";
import type { ActResult, ServerFact, UpgradeFacts } from "../../core/upgrade/facts.ts";
import type { ControlPlaneUpgrade } from "../../core/upgrade/model.ts";
import type { SchemaRecord } from "../../wire/control-plane/store-schema.ts";
import { timesOf } from "../../wire/settings.ts";
import type { ServerContext } from "../context.ts";
import { statusOfServer } from "../control-plane/server-list.ts";
import { freezeInForce } from "../view/freeze.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { agentsOf } from "./agents.ts";
import { transientsIn, wordsOfTransient } from "./transients.ts";

/** Name under which an upgrade freezes the cluster. */
export function freezeNameOf({ id }: Pick<ControlPlaneUpgrade, "id">): string {
  return `upgrade ${id}`;
}

/** Asks every server, then reads the tables. */
export async function gatherFacts(
  context: ServerContext,
  upgrade: ControlPlaneUpgrade,
  act: ActResult | undefined,
): Promise<UpgradeFacts> {
  const ready = await readyServers(context);
  const { view, clock } = context;
  const { tables } = view;
  const nowMs = clock.wallMs();
  const frozenBy = freezeInForce(tables, nowMs)?.value.by;
  return {
    servers: serverFacts(context, tables, ready),
    schema: schemaNow(tables.schema?.value),
    frozenBy: frozenBy === freezeNameOf(upgrade) ? upgrade.id : frozenBy,
    transients: transientsIn(tables).map(wordsOfTransient),
    leaseTtlMsMin: shortestLeaseMs(tables),
    isSilent: tables.silence !== undefined,
    isDark: false,
    agents: agentsOf(tables, upgrade, nowMs),
    act,
  };
}

/** The schema that the store has; 0: it is on its way from one to another. */
export function schemaNow(record: SchemaRecord | undefined): number {
  if (record?.migratingTo !== undefined) return 0;
  return record?.schema ?? firstSchema;
}

/** Ids of those that say of themselves that they are well. */
async function readyServers(context: ServerContext): Promise<ReadonlySet<string>> {
  const records = [...context.view.tables.servers.values()].map(({ value }) => value);
  const asked = await Promise.all(
    records.map(async (record) => {
      const status = await statusOfServer(context, record);
      const isWell = status.ok && status.value.health === "ok";
      return isWell && status.value.version === record.serverVersion ? [record.id] : [];
    }),
  );
  return new Set(asked.flat());
}

function serverFacts(
  { serverId, controlPlane }: ServerContext,
  tables: ViewTables,
  ready: ReadonlySet<string>,
): readonly ServerFact[] {
  return [...tables.servers.values()]
    .map(({ value: { id, name, serverVersion: version } }) => {
      const order = tables.serverOrders.get(id)?.value;
      const report = tables.serverUpgradeReports.get(id)?.value;
      // Only where others can be managers does a server give signs of life.
      const isAlone = controlPlane?.engine !== "etcd";
      const isAlive = id === serverId || isAlone || tables.serverLeases.has(id);
      const isManager = tables.manager === id;
      return { id, name, version, isAlive, isReady: ready.has(id), isManager, order, report };
    })
    .sort((left, right) => Number(left.id) - Number(right.id));
}

/**
 * Life in ms of the shortest lease, or of what it becomes when it is renewed next: after a silence that was ended leases are
 * long for a moment. Undefined: no agent has one.
 */
export function shortestLeaseMs(
  tables: Pick<ViewTables, "leases" | "silence" | "settings">,
): number | undefined {
  if (tables.leases.size === 0) return undefined;
  let shortestMs: number = tables.silence?.value.ttlMs ?? timesOf(tables.settings.value).ttlMs;
  for (const { value } of tables.leases.values()) {
    shortestMs = Math.min(shortestMs, value.times?.ttlMs ?? 0);
  }
  return shortestMs;
}
