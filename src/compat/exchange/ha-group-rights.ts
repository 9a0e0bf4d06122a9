/**
 * What the exchange refuses beyond Holdfast's own rules: users, who are no admins, change groups only that hold none of
 * others' nodes and were not made by an admin.
 */
import type { NodeId } from "../../core/ids.ts";
import { ok, type Result } from "../../core/result.ts";
import { refuse } from "../../server/http/problem-error.ts";
import type { ViewTables } from "../../server/view/view-tables.ts";
import type { Problem } from "../../wire/errors.ts";
import { nodeIdSchema } from "../../wire/ids.ts";
import { mayModify, type UserCaller } from "./caller.ts";

/** Whether the group is the caller's to change; one that there is not is for the change itself to refuse. */
export function checkGroup(
  tables: ViewTables,
  name: string,
  caller: UserCaller,
): Result<void, Problem> {
  const group = tables.haGroups.get(name)?.value;
  if (group === undefined || caller.isAdmin) return ok(undefined);
  if (group.byAdmin !== false) {
    return refuse("not-allowed", `HA group "${name}" was created by an admin`);
  }
  const foreign = [...(tables.membersOfGroup.get(name) ?? [])].find(
    (node) => !mayModify(caller, node),
  );
  if (foreign === undefined) return ok(undefined);
  return refuse("not-allowed", `HA group "${name}" holds nodes of other users`);
}

/** The members as Holdfast knows them; one that does not exist is like one of somebody else. */
export function readMembers(
  tables: ViewTables,
  names: readonly string[],
): Result<NodeId[], Problem> {
  const nodes: NodeId[] = [];
  for (const name of new Set(names)) {
    const parsed = nodeIdSchema.safeParse(name);
    if (!parsed.success || !tables.nodes.has(parsed.data)) {
      return refuse("not-allowed", `node "${name}" does not exist, or is not yours to modify`);
    }
    nodes.push(parsed.data);
  }
  return ok(nodes);
}
