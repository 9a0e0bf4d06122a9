/** The agents' part of an upgrade: a management policy of its own, which lets one member of each HA group go at a time. */
import type { NodeId } from "../../core/ids.ts";
import type { UpgradeFacts } from "../../core/upgrade/facts.ts";
import type { ControlPlaneUpgrade } from "../../core/upgrade/model.ts";
import type { DeskOrder } from "../../runtime/manager-desk.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import { type PolicyRecord, policySchema } from "../../wire/fleet/policies.ts";
import { keys } from "../../wire/records.ts";
import { unchanged } from "../changes/change.ts";
import type { ViewTables } from "../view/view-tables.ts";

/** Always the same: the next upgrade replaces it, and nodes that were away follow it when they are back. */
export const upgradePolicyName = "control-plane-upgrade";

/** An agent that is started again, or a machine that is booted, is back within. */
const awayMsMax = 300_000;

type Writes = Pick<DeskOrder, "compare" | "operations">;

/** How far the nodes are with it that are there, or are becoming it just now. */
export function agentsOf(tables: ViewTables, nowMs: number): UpgradeFacts["agents"] {
  const version = tables.policies.get(upgradePolicyName)?.value.policy.agentVersion;
  const isKept = [...tables.bundles.values()].some(
    ({ value }) => value.package?.version === version,
  );
  let total = 0;
  let there = 0;
  const failed: string[] = [];
  for (const [node, { value }] of tables.nodes) {
    const upgrade = tables.agentUpgrades.get(node)?.value;
    const isOurs = upgrade?.policy === upgradePolicyName && upgrade.to === version;
    const isOnItsWay = isOurs && upgrade.order !== "none";
    if (value.type !== "device" || !(isOnItsWay || isThere(tables, node, nowMs))) continue;
    total += 1;
    if (value.agentVersion === version && !isOnItsWay) there += 1;
    else if (!isKept) failed.push(`${node}: no server keeps the package of holdfast ${version}`);
    else if (isOurs && (upgrade.state === "failed" || upgrade.state === "rolled-back")) {
      failed.push(`${node}: ${upgrade.detail}`);
    }
  }
  return { version, total, there, failed };
}

/** Nodes that have been lost for long follow when they are back; one that is away for a moment is waited for. */
function isThere(tables: ViewTables, node: NodeId, nowMs: number): boolean {
  if (tables.leases.has(node)) return true;
  const state = tables.nodeStates.get(node)?.value;
  return state !== undefined && (state.state === "online" || nowMs - state.sinceMs < awayMsMax);
}

/** Has all agents become this version; also an older one, on the way back. */
export function askAgents(
  tables: Pick<ViewTables, "policies">,
  upgrade: ControlPlaneUpgrade,
  { version, nowMs }: { readonly version: string; readonly nowMs: number },
): Writes {
  const row = tables.policies.get(upgradePolicyName);
  const key = `${keys.policies}${upgradePolicyName}`;
  const record: PolicyRecord = {
    version: 1,
    policy: policySchema.parse({
      name: upgradePolicyName,
      description: `the agents' part of the upgrade ${upgrade.id}`,
      agentVersion: version,
      allowDowngrade: true,
    }),
    generation: (row?.value.generation ?? 0) + 1,
    startAtMs: nowMs,
    by: upgrade.by,
    addedAtMs: row?.value.addedAtMs ?? nowMs,
  };
  return {
    compare: [unchanged(key, row)],
    operations: [{ kind: "put", key, value: jsonOf(record) }],
  };
}

/** Nothing is wanted of agents any more. */
export function leaveAgents(tables: Pick<ViewTables, "policies">): Writes {
  const row = tables.policies.get(upgradePolicyName);
  const key = `${keys.policies}${upgradePolicyName}`;
  if (row === undefined) return { compare: [], operations: [] };
  return { compare: [unchanged(key, row)], operations: [{ kind: "delete", key }] };
}
