/** Who may do what with an HA group: its members are their nodes' owners' to add and remove, the rest is its creator's. */
import { permits } from "../../../../core/access/permits.ts";
import type { NodeId } from "../../../../core/ids.ts";
import { ok, type Result } from "../../../../core/result.ts";
import type { Problem } from "../../../../wire/errors.ts";
import type { HaGroupRecord } from "../../../../wire/fleet/ha-groups.ts";
import { checkNeeds } from "../../../access/guard-routes.ts";
import type { Identity } from "../../../access/identity.ts";

/** Who changes groups, and when (wall time). */
export interface GroupCaller {
  readonly identity: Identity;
  readonly nowMs: number;
}

/** The name that a group keeps of whoever creates it: a user's, or a token's. */
export function ownerNameOf(identity: Identity): string {
  return identity.kind === "person" ? (identity.user ?? identity.who) : identity.who;
}

/** Whether the caller may do what every admin may. */
export function isAdmin(identity: Identity): boolean {
  if (identity.kind !== "person") return false;
  return permits(identity.grants, { permission: "hagroup.change", objects: [] }).ok;
}

/** Everybody who can log in may create groups. */
export function mayCreate({ identity }: Pick<GroupCaller, "identity">): Result<void, Problem> {
  return checkNeeds(identity, [{ permission: "hagroup.create", objects: [] }]);
}

/** The group itself is its creator's and the admins'. */
export function mayChangeGroup(
  { identity }: GroupCaller,
  group: Pick<HaGroupRecord, "owner">,
): Result<void, Problem> {
  const isCreator = identity.kind === "person" && ownerNameOf(identity) === group.owner;
  if (isCreator) return mayCreate({ identity });
  return checkNeeds(identity, [{ permission: "hagroup.change", objects: [] }]);
}

/** Whoever adds or removes nodes needs the right to modify each of them. */
export function mayTouchNodes(
  { identity }: GroupCaller,
  nodes: readonly NodeId[],
): Result<void, Problem> {
  if (nodes.length === 0) return ok(undefined);
  const objects = nodes.map((id) => ({ kind: "node", id }) as const);
  return checkNeeds(identity, [{ permission: "node.change", objects }]);
}
