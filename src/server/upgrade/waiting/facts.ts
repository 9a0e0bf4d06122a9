/**
 * What an upgrade's steps look at while no server serves: only records that servers of all schemas share, and of a
 * server's own record its name.
 */

import { err, ok, type Result } from "../../../core/result.ts";
import type { AgentFacts, ServerFact, UpgradeFacts } from "../../../core/upgrade/facts.ts";
import type { ControlPlaneUpgrade } from "../../../core/upgrade/model.ts";
import type { Store, StoredEntry } from "../../../ports/store.ts";
import { readRecord } from "../../../runtime/manager-records.ts";
import { textOf } from "../../../runtime/migrate/alive-servers.ts";
import { readStoredSchema } from "../../../runtime/migrate/stored-schema.ts";
import {
  serverOrderRecordSchema,
  serverReportRecordSchema,
} from "../../../wire/packages/server-upgrades.ts";
import { type FreezeRecord, freezeRecordSchema, keys } from "../../../wire/records.ts";
import { serverLeaseRecordSchema } from "../../../wire/servers.ts";
import { freezeNameOf, schemaNow } from "../facts.ts";

/** Nothing of agents is read: their records may be of either schema. */
const noAgents: AgentFacts = {
  ...{ order: undefined, isHeld: false, total: 0, there: 0, underWay: 0 },
  ...{ failed: [], waits: [], later: [] },
};

/** Those, and the freeze as the store has it. */
export interface WaitingFacts {
  readonly facts: Omit<UpgradeFacts, "act">;
  readonly freeze: { readonly value: FreezeRecord; readonly revision: number } | undefined;
}

/** Reads them. `nowMs` is wall time. The error is one line. */
export async function gatherWaitingFacts(
  store: Pick<Store, "get" | "range">,
  upgrade: ControlPlaneUpgrade,
  { managerId, nowMs }: { readonly managerId: string; readonly nowMs: number },
): Promise<Result<WaitingFacts, string>> {
  const schema = await readStoredSchema(store);
  if (!schema.ok) return err(schema.error.message);
  const frozen = await store.get(keys.freeze);
  if (!frozen.ok) return err(frozen.error.message);
  const servers = await serverFacts(store, managerId);
  if (!servers.ok) return servers;
  const { entry } = frozen.value;
  const freeze = entry && {
    value: readRecord(freezeRecordSchema, entry.key, entry.value),
    revision: entry.modRevision,
  };
  const { by, untilMs } = freeze?.value ?? {};
  const isInForce = by !== undefined && (untilMs === undefined || untilMs > nowMs);
  const name = by === freezeNameOf(upgrade) ? upgrade.id : by;
  const facts = {
    servers: servers.value,
    schema: schemaNow(schema.value.record),
    frozenBy: isInForce ? name : undefined,
    transients: [],
    leaseTtlMsMin: undefined,
    isSilent: true,
    isDark: true,
    agents: noAgents,
  };
  return ok({ facts, freeze });
}

async function serverFacts(
  store: Pick<Store, "range">,
  managerId: string,
): Promise<Result<readonly ServerFact[], string>> {
  const prefixes = [
    keys.servers,
    keys.serverLeases,
    keys.serverUpgrades,
    keys.serverUpgradeReports,
  ] as const;
  const found: ReadonlyMap<string, StoredEntry>[] = [];
  for (const prefix of prefixes) {
    const read = await store.range(prefix);
    if (!read.ok) return err(read.error.message);
    found.push(new Map(read.value.entries.map((entry) => [entry.key.slice(prefix.length), entry])));
  }
  const [records, leases, orders, reports] = found;
  const servers = [...(records ?? [])].map(([id, { value }]): ServerFact => {
    const [lease, order, report] = [leases?.get(id), orders?.get(id), reports?.get(id)];
    const isAlive = lease !== undefined;
    const living = lease && readRecord(serverLeaseRecordSchema, lease.key, lease.value);
    return {
      id,
      name: textOf(value, "name") ?? id,
      version: living?.serverVersion ?? textOf(value, "serverVersion") ?? "",
      isAlive,
      isReady: isAlive, // whoever serves carries the upgrade on itself
      isManager: id === managerId,
      order: order && readRecord(serverOrderRecordSchema, order.key, order.value),
      report: report && readRecord(serverReportRecordSchema, report.key, report.value),
    };
  });
  return ok(servers.sort((left, right) => Number(left.id) - Number(right.id)));
}
