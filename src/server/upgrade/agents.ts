/** The agents' part of an upgrade: a management policy of its own, which lets one member of each HA group go at a time. */
import type { NodeId } from "../../core/ids.ts";
import type { AgentFacts } from "../../core/upgrade/facts.ts";
import type { ControlPlaneUpgrade } from "../../core/upgrade/model.ts";
import { compareVersions, parseVersion } from "../../core/versions.ts";
import type { DeskOrder } from "../../runtime/manager-desk.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import {
  type AgentUpgradeRecord,
  type PolicyRecord,
  policySchema,
} from "../../wire/fleet/policies.ts";
import { keys, type NodeRecord } from "../../wire/records.ts";
import { unchanged } from "../changes/change.ts";
import { firstPolicyOf, packageVersions } from "../view/fleet/policy-resource.ts";
import type { ViewTables } from "../view/view-tables.ts";

/** Always the same: the next upgrade replaces it, and nodes that were away follow it when they are back. */
export const upgradePolicyName = "control-plane-upgrade";

/** An agent that is started again, or a machine that is booted, is back within. */
const awayMsMax = 300_000;

/** The shortest window that a policy may have. */
const windowMsMin = 1_000;

type Writes = Pick<DeskOrder, "compare" | "operations">;

type Known = Pick<ControlPlaneUpgrade, "state" | "from" | "to">;

/** How far the nodes are with it that are there, or are becoming it just now. */
export function agentsOf(tables: ViewTables, upgrade: Known, nowMs: number): AgentFacts {
  const policy = tables.policies.get(upgradePolicyName)?.value;
  const version = wantedOf(upgrade);
  const isKept = packageVersions(tables).includes(version);
  const counts = { total: 0, there: 0, underWay: 0 };
  const words = { failed: [] as string[], waits: [] as string[], later: [] as string[] };
  for (const [node, { value }] of tables.nodes) {
    if (value.type !== "device") continue;
    const known = tables.agentUpgrades.get(node)?.value;
    const isOurs = known?.policy === upgradePolicyName && known.to === version;
    const isUnderWay = isOurs && known.order !== "none";
    const isDone = !isUnderWay && isAsWanted(value, upgrade);
    // What is known of an earlier order is not what came of this one.
    const isOver = isOurs && known.generation === policy?.generation && isFailed(known.state);
    const held = isUnderWay || isDone || isOver ? undefined : whyLater(tables, value, nowMs);
    if (held !== undefined && (held.isAway || upgrade.state !== "aborting")) {
      words.later.push(`${node} (${held.words})`);
      continue;
    }
    counts.total += 1;
    if (isUnderWay && known.order === "install") counts.underWay += 1;
    if (isDone) counts.there += 1;
    if (isUnderWay || isDone) continue;
    if (!isKept) words.failed.push(`${node}: no server keeps the package of holdfast ${version}`);
    else if (isOver) words.failed.push(`${node}: ${known.detail}`);
    else words.waits.push(`${node}: ${held?.words ?? (isOurs ? known.detail : "its turn comes")}`);
  }
  const { enabled = true, windowMs } = policy?.policy ?? {};
  const isHeld = !enabled || windowMs !== undefined;
  return { order: policy?.order, isHeld, ...counts, ...words };
}

function isFailed(state: AgentUpgradeRecord["state"]): boolean {
  return state === "failed" || state === "rolled-back";
}

/** What its agents are to be now. */
function wantedOf({ state, from, to }: Known): string {
  return state === "aborting" ? from : to.version;
}

/** An agent that a person has made newer stays so, except where the upgrade leads to an older version. */
function isAsWanted({ agentVersion }: NodeRecord, upgrade: Known): boolean {
  const version = wantedOf(upgrade);
  if (agentVersion === version) return true;
  const isBack = upgrade.state === "aborting" || compareVersions(version, upgrade.from) < 0;
  if (isBack || !parseVersion(agentVersion).ok) return false;
  return compareVersions(agentVersion, version) > 0;
}

interface Later {
  readonly words: string;
  /** Nothing can be told to it now. */
  readonly isAway: boolean;
}

/** Nobody waits for a node that a person holds back, or that has been lost for long; undefined: it is waited for. */
function whyLater(tables: ViewTables, record: NodeRecord, nowMs: number): Later | undefined {
  const { node, mode, maintenance } = record;
  if (!isThere(tables, node, nowMs)) return { words: "it is away", isAway: true };
  const first = firstPolicyOf(tables, record);
  const words =
    (mode === "offline" ? "a person has put it offline" : undefined) ??
    (maintenance ? "it is in maintenance" : undefined) ??
    (first === upgradePolicyName || first === undefined
      ? undefined
      : `policy "${first}" goes first`);
  return words === undefined ? undefined : { words, isAway: false };
}

/** One that is away for a moment is waited for. */
function isThere(tables: ViewTables, node: NodeId, nowMs: number): boolean {
  if (tables.leases.has(node)) return true;
  const state = tables.nodeStates.get(node)?.value;
  return state !== undefined && (state.state === "online" || nowMs - state.sinceMs < awayMsMax);
}

/** Has all agents become this version; also an older one, on the way back. */
export function askAgents(
  tables: Pick<ViewTables, "policies">,
  upgrade: ControlPlaneUpgrade,
  wish: { readonly version: string; readonly order: string; readonly nowMs: number },
): Writes {
  const { version, order, nowMs } = wish;
  const row = tables.policies.get(upgradePolicyName);
  const key = `${keys.policies}${upgradePolicyName}`;
  const record: PolicyRecord = {
    version: 1,
    policy: policySchema.parse({
      name: upgradePolicyName,
      description: `the agents' part of the upgrade ${upgrade.id}`,
      agentVersion: version,
      // What a person has made newer since stays so once the upgrade is over.
      allowDowngrade: version !== upgrade.to.version || compareVersions(version, upgrade.from) < 0,
    }),
    generation: (row?.value.generation ?? 0) + 1,
    startAtMs: nowMs,
    by: upgrade.by,
    addedAtMs: row?.value.addedAtMs ?? nowMs,
    order,
  };
  return {
    compare: [unchanged(key, row)],
    operations: [{ kind: "put", key, value: jsonOf(record) }],
  };
}

/**
 * What is under way ends; the next order lets others begin again. It still counts as the nodes' policy: another one of a
 * person's would go on with the version that has just failed.
 */
export function holdAgents(tables: Pick<ViewTables, "policies">, nowMs: number): Writes {
  const row = tables.policies.get(upgradePolicyName);
  const key = `${keys.policies}${upgradePolicyName}`;
  if (row === undefined) return { compare: [], operations: [] };
  const { value } = row;
  const over = {
    policy: { ...value.policy, windowMs: windowMsMin },
    startAtMs: nowMs - windowMsMin,
  };
  const held: PolicyRecord = { ...value, ...over };
  return {
    compare: [unchanged(key, row)],
    operations: [{ kind: "put", key, value: jsonOf(held) }],
  };
}

/** Nothing is wanted of agents any more. */
export function leaveAgents(tables: Pick<ViewTables, "policies">): Writes {
  const row = tables.policies.get(upgradePolicyName);
  const key = `${keys.policies}${upgradePolicyName}`;
  if (row === undefined) return { compare: [], operations: [] };
  return { compare: [unchanged(key, row)], operations: [{ kind: "delete", key }] };
}
