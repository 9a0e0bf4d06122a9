/** Who may do what: the one function that decides it, and the one that compares two grants. */
import type { NodeId, ServiceId } from "../ids.ts";
import { err, ok, type Result } from "../result.ts";
import {
  type Permission,
  permissionLine,
  permissions,
  type RoleName,
} from "./permissions-table.ts";

/** What somebody was given: a role, and of `owner` the objects. A name need not exist yet: its owner may add it. */
export interface Grant {
  readonly role: RoleName;
  readonly ownsNodes: readonly NodeId[];
  readonly ownsServices: readonly ServiceId[];
}

/** What a permission is asked for. */
export type AccessObject =
  | { readonly kind: "node"; readonly id: NodeId }
  | { readonly kind: "service"; readonly id: ServiceId };

/** A permission that is needed, and everything that is touched with it; empty: the cluster as a whole. */
export interface Need {
  readonly permission: Permission;
  readonly objects: readonly AccessObject[];
}

/** What is lacking. */
export interface Refusal {
  readonly missing: Permission;
  /** The first object that it is lacking for; undefined: the cluster as a whole. */
  readonly object: AccessObject | undefined;
}

const order: Readonly<Record<RoleName, number>> = { viewer: 0, owner: 0, operator: 1, admin: 2 };

/** Whether all grants allow it: whoever holds several (a token of a user) may do what every one of them allows. */
export function permits(grants: readonly Grant[], need: Need): Result<void, Refusal> {
  for (const grant of grants) {
    const line = permissionLine(need.permission);
    if (order[grant.role] >= order[line.least]) continue;
    const foreign = need.objects.find((object) => !owns(grant, object));
    const isOwned = need.objects.length > 0 && foreign === undefined;
    if (grant.role === "owner" && line.also === "owner" && isOwned) continue;
    return err({ missing: need.permission, object: foreign ?? need.objects[0] });
  }
  return grants.length > 0 ? ok(undefined) : err({ missing: need.permission, object: undefined });
}

/** Whether there can be an object for which the grants allow it: asked before it is known what is touched. */
export function couldPermit(grants: readonly Grant[], permission: Permission): boolean {
  const line = permissionLine(permission);
  return (
    grants.length > 0 &&
    grants.every(
      (grant) =>
        order[grant.role] >= order[line.least] || (grant.role === "owner" && line.also === "owner"),
    )
  );
}

/** Whether `held` has every right of `given`: nobody gives more than they have. */
export function covers(held: Grant, given: Grant): boolean {
  if (held.role === "admin" || given.role === "viewer") return true;
  if (given.role === "owner") {
    return held.role === "owner" && objectsOf(given).every((object) => owns(held, object));
  }
  return held.role === given.role;
}

/** What the role may do for every object, and what only for objects that are owned; in the table's order. */
export function permissionsOf(role: RoleName): {
  readonly always: readonly Permission[];
  readonly owned: readonly Permission[];
} {
  const always: Permission[] = [];
  const owned: Permission[] = [];
  for (const permission of permissionNames) {
    const line = permissionLine(permission);
    if (order[role] >= order[line.least]) always.push(permission);
    else if (role === "owner" && line.also === "owner") owned.push(permission);
  }
  return { always, owned };
}

/** All names, in the table's order. */
export const permissionNames: readonly Permission[] = Object.keys(permissions).filter(
  (name): name is Permission => Object.hasOwn(permissions, name),
);

function owns(grant: Grant, object: AccessObject): boolean {
  return object.kind === "node"
    ? grant.ownsNodes.includes(object.id)
    : grant.ownsServices.includes(object.id);
}

function objectsOf(grant: Grant): readonly AccessObject[] {
  return [
    ...grant.ownsNodes.map((id): AccessObject => ({ kind: "node", id })),
    ...grant.ownsServices.map((id): AccessObject => ({ kind: "service", id })),
  ];
}
