/** What the steps of an upgrade write, as operations of the store. */
import type { UpgradeWrite } from "../../core/upgrade/facts.ts";
import type { ControlPlaneUpgrade } from "../../core/upgrade/model.ts";
import type { DeskOrder } from "../../runtime/manager-desk.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { ServerOrderRecord } from "../../wire/packages/server-upgrades.ts";
import { type FreezeRecord, keys } from "../../wire/records.ts";
import { unchanged } from "../changes/change.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { askAgents, holdAgents, leaveAgents } from "./agents.ts";
import { freezeNameOf } from "./facts.ts";

type Writes = Pick<DeskOrder, "compare" | "operations">;

/** A new version that is not healthy within this time after its start is rolled back by what stays behind. */
const healthyWithinMs = 120_000;

/** The write of one step. `nowMs` is wall time. */
export function operationsOf(
  write: UpgradeWrite,
  {
    tables,
    upgrade,
    nowMs,
  }: {
    readonly tables: Pick<ViewTables, "freeze" | "policies">;
    readonly upgrade: ControlPlaneUpgrade;
    readonly nowMs: number;
  },
): Writes {
  switch (write.kind) {
    case "order-server": {
      const { id, order, schema, package: wanted } = write.order;
      const record: ServerOrderRecord = {
        version: 1,
        ...{ id, order, schema, healthyWithinMs },
        package: { version: wanted.version, sha256: wanted.sha256 },
      };
      const key = `${keys.serverUpgrades}${write.server}`;
      return { compare: [], operations: [{ kind: "put", key, value: jsonOf(record) }] };
    }
    case "forget-order": {
      const key = `${keys.serverUpgrades}${write.server}`;
      return { compare: [], operations: [{ kind: "delete", key }] };
    }
    case "freeze":
      return freeze(tables, upgrade, nowMs);
    case "unfreeze": {
      const isOurs = tables.freeze?.value.by === freezeNameOf(upgrade);
      if (!isOurs) return { compare: [], operations: [] };
      return {
        compare: [unchanged(keys.freeze, tables.freeze)],
        operations: [{ kind: "delete", key: keys.freeze }],
      };
    }
    case "announce-silence": {
      const value = jsonOf({ version: 1, by: upgrade.id, ttlMs: write.ttlMs });
      return { compare: [], operations: [{ kind: "put", key: keys.silence, value }] };
    }
    case "end-silence":
      return { compare: [], operations: [{ kind: "delete", key: keys.silence }] };
    case "upgrade-agents":
      return askAgents(tables, upgrade, { ...write, nowMs });
    case "hold-agents":
      return holdAgents(tables, nowMs);
    case "leave-agents":
      return leaveAgents(tables);
  }
}

function freeze(
  tables: Pick<ViewTables, "freeze">,
  upgrade: ControlPlaneUpgrade,
  nowMs: number,
): Writes {
  const record: FreezeRecord = {
    version: 1,
    by: freezeNameOf(upgrade),
    reason: `the control plane is being upgraded to ${upgrade.to.version}`,
    sinceMs: nowMs,
    failover: true,
  };
  return {
    compare: [unchanged(keys.freeze, tables.freeze)],
    operations: [{ kind: "put", key: keys.freeze, value: jsonOf(record) }],
  };
}
