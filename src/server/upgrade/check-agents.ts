/** What the agents' part of an upgrade will meet: nodes that are held back, other policies, versions, packages. */
import { isWindowOver } from "../../core/fleet/agents/goal.ts";
import { compareIds } from "../../core/ids.ts";
import { instantMs } from "../../core/time.ts";
import type { AgentCheckFacts, HeldNode, PolicyBefore } from "../../core/upgrade/agent-findings.ts";
import { leftBehind, type Versioned } from "../../core/upgrade/skew.ts";
import { compareVersions, parseVersion } from "../../core/versions.ts";
import { policyOf } from "../../runtime/fleet/fleet-records.ts";
import type { NodeRecord } from "../../wire/records.ts";
import { isDisarmed } from "../view/arming.ts";
import { firstPolicyOf, packageVersions } from "../view/fleet/policy-resource.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { upgradePolicyName } from "./agents.ts";

/** Where an upgrade comes from and goes to. */
export interface AgentCheckWay {
  readonly from: string;
  /** Undefined: nothing was named, so that only what is so in any case is looked at. */
  readonly to: string | undefined;
  readonly servers: readonly Versioned[];
  readonly nowMs: number;
}

/** Looks at all nodes whose agents an upgrade would bring along, in order of their names. */
export function agentCheckFacts(tables: ViewTables, way: AgentCheckWay): AgentCheckFacts {
  const { from, to, servers } = way;
  const nodes = [...tables.nodes.values()]
    .map(({ value }) => value)
    .filter((node) => node.type === "device" && !staysAsItIs(node, way))
    .sort((left, right) => compareIds(left.node, right.node));
  const isKept = nodes.length === 0 || packageVersions(tables).includes(from);
  const tooOld = (some: readonly NodeRecord[]): string | undefined =>
    to === undefined ? undefined : leftBehind(servers, some.map(versionedOf), to);
  return {
    wayBackMissing: isKept ? undefined : from,
    held: nodes.flatMap((node) => {
      const because = whyHeld(tables, node);
      return because === undefined ? [] : [{ node: node.node, because }];
    }),
    policies: to === undefined ? [] : policiesBefore(tables, nodes, { to, nowMs: way.nowMs }),
    leftBehind: {
      there: tooOld(nodes.filter(({ node }) => tables.leases.has(node))),
      away: tooOld(nodes.filter(({ node }) => !tables.leases.has(node))),
    },
    isDisarmed: nodes.length > 0 && isDisarmed(tables),
  };
}

/** It is what it is to be; or a person has made it newer, and no way back is asked for. */
function staysAsItIs({ agentVersion }: NodeRecord, { from, to }: AgentCheckWay): boolean {
  if (to === undefined || agentVersion === to) return agentVersion === to;
  if (![agentVersion, from, to].every((version) => parseVersion(version).ok)) return false;
  return compareVersions(agentVersion, to) > 0 && compareVersions(from, to) <= 0;
}

function versionedOf({ node, agentVersion }: NodeRecord): Versioned {
  return { name: node, version: agentVersion };
}

/** A node that is disabled or flushed takes no services; its agent is upgraded as any other. */
function whyHeld(
  tables: ViewTables,
  { node, mode, maintenance }: NodeRecord,
): HeldNode["because"] | undefined {
  if (mode === "offline") return "offline";
  if (!tables.leases.has(node)) return "away";
  return maintenance ? "maintenance" : undefined;
}

/** Of the policies that choose a node the first one by name counts alone, whether or not it has anything to do there. */
function policiesBefore(
  tables: ViewTables,
  nodes: readonly NodeRecord[],
  { to, nowMs }: { readonly to: string; readonly nowMs: number },
): readonly PolicyBefore[] {
  const [latest] = packageVersions(tables);
  const nodesOf = new Map<string, string[]>();
  for (const node of nodes) {
    const first = firstPolicyOf(tables, node);
    if (first === undefined || compareIds(first, upgradePolicyName) >= 0) continue;
    const names = nodesOf.get(first) ?? [];
    names.push(node.node);
    nodesOf.set(first, names);
  }
  return [...nodesOf].flatMap(([name, names]) => {
    const record = tables.policies.get(name)?.value;
    if (record === undefined) return [];
    const policy = policyOf(record);
    const wants = policy.agentVersion === "latest" ? latest : policy.agentVersion;
    const leadsThere = wants === to && !isWindowOver(policy, instantMs(nowMs));
    return leadsThere ? [] : [{ name, wants, nodes: names }];
  });
}
