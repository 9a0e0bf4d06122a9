/** The plans of people's changes to HA groups. */
import type { NodeId } from "../../../../core/ids.ts";
import { err, ok, type Result } from "../../../../core/result.ts";
import type { Problem } from "../../../../wire/errors.ts";
import type { HaGroupChange, HaGroupRecord } from "../../../../wire/fleet/ha-groups.ts";
import { keys } from "../../../../wire/records.ts";
import { brokenPrecondition, type Precondition } from "../../../http/etag.ts";
import { refuse } from "../../../http/problem-error.ts";
import { haGroupsMax } from "../../../limits.ts";
import type { Row } from "../../../view/table-slots.ts";
import type { ViewTables } from "../../../view/view-tables.ts";
import { type ChangePlan, nothingToDo, unchanged } from "../../change.ts";
import {
  checkJoining,
  checkKnown,
  type FromOthers,
  type Joining,
  membershipPart,
  membersOf,
  putGroup,
} from "./membership.ts";
import {
  type GroupCaller,
  isAdmin,
  mayChangeGroup,
  mayCreate,
  mayTouchNodes,
  ownerNameOf,
} from "./rights.ts";

/** How a change is meant. */
export interface GroupWish extends GroupCaller {
  readonly precondition: Precondition;
  readonly fromOthers: FromOthers;
}

/** Adds a group of a name that none has. */
export function planCreateHaGroup(
  tables: ViewTables,
  name: string,
  change: HaGroupChange,
  wish: GroupWish,
): Result<ChangePlan, Problem> {
  if (tables.haGroups.has(name)) {
    return refuse("already-exists", `there is an HA group "${name}" already`);
  }
  return planPutHaGroup(tables, name, change, wish);
}

/** Adds a group, or replaces what is given of the one that is there. Nothing is written when it is the same already. */
export function planPutHaGroup(
  tables: ViewTables,
  name: string,
  change: HaGroupChange,
  wish: GroupWish,
): Result<ChangePlan, Problem> {
  const row = tables.haGroups.get(name);
  const broken = brokenPrecondition(wish.precondition, `HA group "${name}"`, row?.revision);
  if (broken !== undefined) return err(broken);
  const members = membersOf(tables, name);
  const wanted = change.members ?? members;
  const joining = joiningOf(wanted, members);
  const leaves = members.filter((node) => !new Set(wanted).has(node));
  const record = row === undefined ? newGroup(name, change, wish) : changedGroup(row.value, change);
  const isSame = row !== undefined && record === row.value;
  if (isSame && joining.length + leaves.length === 0) return ok(nothingToDo);
  const known = checkKnown(tables, joining);
  if (!known.ok) return known;
  const permitted = mayPut({ row, isSame, touched: [...joining.map(nodeIn), ...leaves] }, wish);
  if (!permitted.ok) return permitted;
  if (row === undefined && tables.haGroups.size >= haGroupsMax) {
    return refuse("too-many", `there are ${haGroupsMax} HA groups already`);
  }
  const checked = checkJoining(tables, name, { joining, fromOthers: wish.fromOthers });
  if (!checked.ok) return checked;
  return planOf(tables, { row, record, joining, leaves }, wish, {
    action: row === undefined ? "hagroup.add" : "hagroup.change",
    detail: JSON.stringify(change),
  });
}

function joiningOf(wanted: readonly NodeId[], members: readonly NodeId[]): Joining[] {
  const present = new Set(members);
  return wanted
    .map((node, index) => ({ node, path: `members.${index}` }))
    .filter(({ node }) => !present.has(node));
}

function nodeIn({ node }: Joining): NodeId {
  return node;
}

interface Touched {
  readonly row: Row<HaGroupRecord> | undefined;
  /** Nothing but its members changes. */
  readonly isSame: boolean;
  readonly touched: readonly NodeId[];
}

function mayPut({ row, isSame, touched }: Touched, caller: GroupCaller): Result<void, Problem> {
  const own = row === undefined ? mayCreate(caller) : ok(undefined);
  if (!own.ok) return own;
  const described = row === undefined || isSame ? ok(undefined) : mayChangeGroup(caller, row.value);
  return described.ok ? mayTouchNodes(caller, touched) : described;
}

function newGroup(name: string, change: HaGroupChange, caller: GroupCaller): HaGroupRecord {
  return {
    version: 1,
    name,
    description: change.description ?? "",
    whenMembersOffline: change.whenMembersOffline ?? "continue",
    owner: ownerNameOf(caller.identity),
    byAdmin: isAdmin(caller.identity),
    createdAtMs: caller.nowMs,
    updatedAtMs: caller.nowMs,
  };
}

/** The same object when there is no difference. */
function changedGroup(before: HaGroupRecord, change: HaGroupChange): HaGroupRecord {
  const description = change.description ?? before.description;
  const whenMembersOffline = change.whenMembersOffline ?? before.whenMembersOffline;
  if (description === before.description && whenMembersOffline === before.whenMembersOffline) {
    return before;
  }
  return { ...before, description, whenMembersOffline };
}

interface Outcome {
  readonly row: Row<HaGroupRecord> | undefined;
  readonly record: HaGroupRecord;
  readonly joining: readonly Joining[];
  readonly leaves: readonly NodeId[];
}

function planOf(
  tables: ViewTables,
  { row, record, joining, leaves }: Outcome,
  { nowMs }: GroupCaller,
  words: Pick<ChangePlan, "action" | "detail">,
): Result<ChangePlan, Problem> {
  const joins = joining.map(nodeIn);
  const part = membershipPart(tables, record.name, { joins, leaves, nowMs });
  if (!part.ok) return part;
  const own = putGroup(row, { ...record, updatedAtMs: nowMs });
  return ok({
    compare: [...own.compare, ...part.value.compare],
    operations: [...own.operations, ...part.value.operations],
    ...words,
    subject: record.name,
  });
}

function foundGroup(
  tables: ViewTables,
  name: string,
  precondition: Precondition,
): Result<Row<HaGroupRecord>, Problem> {
  const row = tables.haGroups.get(name);
  if (row === undefined) return refuse("not-found", `there is no HA group "${name}"`);
  const broken = brokenPrecondition(precondition, `HA group "${name}"`, row.revision);
  return broken === undefined ? ok(row) : err(broken);
}

/** Deletes a group; its members are in none then. */
export function planRemoveHaGroup(
  tables: ViewTables,
  name: string,
  wish: Omit<GroupWish, "fromOthers">,
): Result<ChangePlan, Problem> {
  const row = foundGroup(tables, name, wish.precondition);
  if (!row.ok) return row;
  const members = membersOf(tables, name);
  const group = mayChangeGroup(wish, row.value.value);
  if (!group.ok) return group;
  const nodes = mayTouchNodes(wish, members);
  if (!nodes.ok) return nodes;
  const part = membershipPart(tables, name, { joins: [], leaves: members, nowMs: wish.nowMs });
  if (!part.ok) return part;
  const key = `${keys.haGroups}${name}`;
  return ok({
    compare: [unchanged(key, row.value), ...part.value.compare],
    operations: [{ kind: "delete", key }, ...part.value.operations],
    action: "hagroup.remove",
    subject: name,
    detail: members.length === 0 ? "" : `members: ${members.join(", ")}`,
  });
}

/** Puts one node into a group. */
export function planAddMember(
  tables: ViewTables,
  { name, node }: { readonly name: string; readonly node: NodeId },
  wish: GroupWish,
): Result<ChangePlan, Problem> {
  const row = foundGroup(tables, name, wish.precondition);
  if (!row.ok) return row;
  if (!tables.nodes.has(node)) return refuse("not-found", `there is no node "${node}"`);
  const before = tables.haMembers.get(node)?.value.group;
  if (before === name) return ok(nothingToDo);
  const permitted = mayTouchNodes(wish, [node]);
  if (!permitted.ok) return permitted;
  const joining = [{ node, path: "" }];
  const checked = checkJoining(tables, name, { joining, fromOthers: wish.fromOthers });
  if (!checked.ok) return checked;
  return planOf(tables, { row: row.value, record: row.value.value, joining, leaves: [] }, wish, {
    action: "hagroup.add-member",
    detail: before === undefined ? node : `${node}, moved from ${before}`,
  });
}

/** Takes one node out of a group. */
export function planRemoveMember(
  tables: ViewTables,
  { name, node }: { readonly name: string; readonly node: NodeId },
  wish: Omit<GroupWish, "fromOthers">,
): Result<ChangePlan, Problem> {
  const row = foundGroup(tables, name, wish.precondition);
  if (!row.ok) return row;
  if (tables.haMembers.get(node)?.value.group !== name) {
    return refuse("not-found", `node "${node}" is not in HA group "${name}"`);
  }
  const permitted = mayTouchNodes(wish, [node]);
  if (!permitted.ok) return permitted;
  const record = row.value.value;
  return planOf(tables, { row: row.value, record, joining: [], leaves: [node] }, wish, {
    action: "hagroup.remove-member",
    detail: node,
  });
}
