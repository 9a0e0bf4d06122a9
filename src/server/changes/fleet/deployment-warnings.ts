/** What a person should know of a deployment although it is let in. */
import { compareIds, type NodeId } from "../../../core/ids.ts";
import type { DeploymentRecord } from "../../../wire/fleet/deployments.ts";
import { verdictFor } from "../../view/fleet/compatible-nodes.ts";
import type { ViewTables } from "../../view/view-tables.ts";

const namedMax = 10;

/** One sentence each; empty: nothing. */
export function warningsOf(tables: ViewTables, record: DeploymentRecord): readonly string[] {
  return [...fitWarnings(tables, record), ...offlineWarnings(tables, record)];
}

function fitWarnings(tables: ViewTables, record: DeploymentRecord): string[] {
  const { name } = record.deployment;
  if (tables.nodes.size === 0) return ["there is no node yet: it runs nowhere for the time being"];
  const check = verdictFor(tables, record);
  for (const node of tables.nodes.values()) {
    if (check(node.value).version !== undefined) return [];
  }
  return [
    `no node fits at the moment: it runs nowhere for the time being; see why with: holdfast check ${name}`,
  ];
}

/** Members of HA groups that are offline while what another member runs is to be changed. */
function offlineWarnings(tables: ViewTables, record: DeploymentRecord): string[] {
  const { deployment, inputsKey } = record;
  const before = tables.deployments.get(deployment.name)?.value;
  const isSame =
    before?.inputsKey === inputsKey &&
    before.deployment.versions[0]?.version === deployment.versions[0]?.version;
  if (before === undefined || isSame || deployment.haSemantics === "none") return [];
  const offline = new Map<string, Set<NodeId>>();
  for (const node of tables.instanceNodes.get(deployment.name) ?? []) {
    const group = tables.haMembers.get(node)?.value.group;
    if (group === undefined) continue;
    const others = [...(tables.membersOfGroup.get(group) ?? [])].filter(
      (member) => member !== node && !tables.leases.has(member),
    );
    if (others.length > 0) offline.set(group, new Set(others));
  }
  return [...offline]
    .sort(([left], [right]) => compareIds(left, right))
    .slice(0, namedMax)
    .map(([group, nodes]) => {
      const waits = tables.haGroups.get(group)?.value.whenMembersOffline === "wait";
      const names = [...nodes].sort(compareIds).join(", ");
      const then = waits ? "the group waits for them" : "the others are changed without them";
      return `of HA group "${group}" these members are offline: ${names}; ${then}`;
    });
}
