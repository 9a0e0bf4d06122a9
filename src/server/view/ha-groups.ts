/** HA groups as people see them: who is in them, and who holds the upgrade slot. */
import { compareIds } from "../../core/ids.ts";
import type { HaGroupResource } from "../../wire/fleet/ha-groups.ts";
import type { UpgradeSlotRecord } from "../../wire/fleet/instances.ts";
import type { ViewTables } from "./view-tables.ts";

/** A group; undefined: there is none of this name. */
export function haGroupResource(tables: ViewTables, name: string): HaGroupResource | undefined {
  const row = tables.haGroups.get(name);
  if (row === undefined) return undefined;
  const { description, whenMembersOffline, owner, createdAtMs, updatedAtMs } = row.value;
  const slot = tables.upgradeSlots.get(name)?.value;
  return {
    name,
    revision: row.revision,
    description,
    whenMembersOffline,
    ...{ owner, createdAtMs, updatedAtMs },
    members: [...(tables.membersOfGroup.get(name) ?? [])]
      .sort(compareIds)
      .map((node) => ({ node, isOnline: tables.leases.has(node) })),
    ...(slot === undefined ? {} : { slot: slotOf(slot) }),
  };
}

/** All groups, in order of name. */
export function haGroupResources(tables: ViewTables): HaGroupResource[] {
  return [...tables.haGroups.keys()]
    .sort(compareIds)
    .map((name) => haGroupResource(tables, name))
    .filter((resource) => resource !== undefined);
}

function slotOf({ node, use, sinceMs }: UpgradeSlotRecord): HaGroupResource["slot"] {
  const what =
    use.kind === "service"
      ? `it upgrades deployment "${use.deployment}"`
      : `it upgrades its agent under policy "${use.policy}"`;
  return { node, reason: `${what} from ${use.from} to ${use.to}`, sinceMs };
}
