/** Management policies as people see them, and how far each node is that one of them chooses. */
import { evaluate } from "../../../core/constraints/evaluate.ts";
import type { ManagementPolicy } from "../../../core/fleet/model/agent-upgrade.ts";
import { compareIds } from "../../../core/ids.ts";
import { compareVersions, parseVersion } from "../../../core/versions.ts";
import { fleetRegistrationOf, policyOf } from "../../../runtime/fleet/fleet-records.ts";
import type { PolicyNode, PolicyRecord, PolicyResource } from "../../../wire/fleet/policies.ts";
import type { NodeRecord } from "../../../wire/records.ts";
import type { ViewTables } from "../view-tables.ts";

/** All of them, in order of their names. */
export function policyResources(tables: ViewTables): PolicyResource[] {
  const counts = countsByPolicy(tables);
  return [...tables.policies.keys()]
    .sort(compareIds)
    .flatMap((name) => resourceOf(tables, name, counts.get(name) ?? {}) ?? []);
}

/** One; undefined: there is none of this name. */
export function policyResource(tables: ViewTables, name: string): PolicyResource | undefined {
  return resourceOf(tables, name, countsByPolicy(tables).get(name) ?? {});
}

type Counts = PolicyResource["nodes"];

function countsByPolicy({ agentUpgrades }: ViewTables): ReadonlyMap<string, Counts> {
  const counts = new Map<string, Counts>();
  for (const { value } of agentUpgrades.values()) {
    const before = counts.get(value.policy) ?? {};
    counts.set(value.policy, { ...before, [value.state]: (before[value.state] ?? 0) + 1 });
  }
  return counts;
}

function resourceOf(tables: ViewTables, name: string, nodes: Counts): PolicyResource | undefined {
  const row = tables.policies.get(name);
  if (row === undefined) return undefined;
  const { policy: config, generation, startAtMs, by, addedAtMs } = row.value;
  return { name, revision: row.revision, config, generation, startAtMs, by, addedAtMs, nodes };
}

/** Versions of Holdfast that there are packages of, which the cluster's authority has signed; the highest first. */
export function packageVersions({ bundles }: Pick<ViewTables, "bundles">): readonly string[] {
  const versions = new Set<string>();
  for (const { value } of bundles.values()) {
    if (value.package !== undefined && value.signature !== undefined) {
      versions.add(value.package.version);
    }
  }
  return [...versions].sort((left, right) => compareVersions(right, left));
}

/** Every node that the policy chooses, in order of their names. */
export function policyNodes(tables: ViewTables, record: PolicyRecord): PolicyNode[] {
  const policy = policyOf(record);
  const [latest] = packageVersions(tables);
  const to = policy.agentVersion === "latest" ? latest : policy.agentVersion;
  const lines: PolicyNode[] = [];
  for (const { value: node } of tables.nodes.values()) {
    const upgrade = tables.agentUpgrades.get(node.node)?.value;
    // What is over, and was about another version, says nothing about what is wanted now.
    const isPast = upgrade?.order === "none" && upgrade.state !== "waiting" && upgrade.to !== to;
    if (upgrade?.policy === policy.name && !isPast) {
      const { state, from, sinceMs, detail } = upgrade;
      lines.push({ node: node.node, state, from, to: upgrade.to, sinceMs, detail });
    } else if (isChosen(policy, node)) {
      const first = upgrade?.policy === policy.name ? undefined : upgrade?.policy;
      lines.push(lineWithoutUpgrade(policy, node, { to, otherPolicy: first }));
    }
  }
  return lines.sort((left, right) => compareIds(left.node, right.node));
}

/** The policy that counts for the node: of those that choose it the first one by name; undefined: none does. */
export function firstPolicyOf(tables: ViewTables, record: NodeRecord): string | undefined {
  let first: string | undefined;
  for (const [name, { value }] of tables.policies) {
    const policy = policyOf(value);
    const isBefore = first === undefined || compareIds(name, first) < 0;
    if (policy.enabled && isBefore && isChosen(policy, record)) first = name;
  }
  return first;
}

function isChosen({ constraint }: ManagementPolicy, record: NodeRecord): boolean {
  const { type, properties } = fleetRegistrationOf(record);
  if (type !== "device") return false;
  return constraint === undefined || evaluate(constraint, properties).holds;
}

/** The manager has nothing in hand for it: it is as it is to be, or it has to wait. */
function lineWithoutUpgrade(
  policy: ManagementPolicy,
  { node, agentVersion: from }: NodeRecord,
  facts: { readonly to: string | undefined; readonly otherPolicy: string | undefined },
): PolicyNode {
  const { to, otherPolicy } = facts;
  const line = { node, from, ...(to === undefined ? {} : { to }) };
  if (to !== undefined && !isNeeded(policy, from, to)) {
    const detail =
      from === to ? "" : `nothing to do: it runs ${from}, and downgrades are not allowed`;
    return { ...line, state: "success", detail };
  }
  if (!policy.enabled) return { ...line, state: "waiting", detail: "the policy is not enabled" };
  if (to === undefined) {
    const detail = "there is no package of Holdfast; push one with: holdfast bundle push FILE";
    return { ...line, state: "waiting", detail };
  }
  const other =
    otherPolicy === undefined
      ? "the manager looks at it soon"
      : `policy "${otherPolicy}" goes first`;
  return { ...line, state: "waiting", detail: other };
}

function isNeeded({ allowDowngrade }: ManagementPolicy, from: string, to: string): boolean {
  if (!parseVersion(from).ok) return from !== to; // an agent that does not say what it is
  const difference = compareVersions(from, to);
  return difference < 0 || (difference > 0 && allowDowngrade);
}
