/**
 * Who comes into an HA group and who leaves it, as parts of a transaction. A node's member record is compared in each, so
 * that two requests at once never put a node into two groups; and each group's own record is written anew, so that its
 * revision is that of all its content.
 */
import { compareIds, type NodeId } from "../../../../core/ids.ts";
import { err, ok, type Result } from "../../../../core/result.ts";
import type { Compare, Operation } from "../../../../ports/store.ts";
import { jsonOf } from "../../../../runtime/manager-records.ts";
import { type Problem, problemOf } from "../../../../wire/errors.ts";
import { type HaGroupRecord, haGroupMembersMax } from "../../../../wire/fleet/ha-groups.ts";
import { keys } from "../../../../wire/records.ts";
import { refuse } from "../../../http/problem-error.ts";
import type { Row } from "../../../view/table-slots.ts";
import type { ViewTables } from "../../../view/view-tables.ts";
import { unchanged } from "../../change.ts";

/** Conditions and writes. */
export interface TransactionPart {
  readonly compare: readonly Compare[];
  readonly operations: readonly Operation[];
}

/** A node that is to come in, and where the request names it, e.g. `members.2`; empty: nowhere that helps. */
export interface Joining {
  readonly node: NodeId;
  readonly path: string;
}

/** What becomes of nodes that are in another group: they stay there and the request is refused, or they move. */
export type FromOthers = "refuse" | "move";

/** The most conditions that one transaction may have on every store. */
const conditionsMax = 2_000;

/** The members of a group, in order of name. */
export function membersOf(tables: ViewTables, group: string): readonly NodeId[] {
  return [...(tables.membersOfGroup.get(group) ?? [])].sort(compareIds);
}

/** Whether the nodes can come in; else why not, each at its place. */
export function checkJoining(
  tables: ViewTables,
  group: string,
  { joining, fromOthers }: { joining: readonly Joining[]; fromOthers: FromOthers },
): Result<void, Problem> {
  const foreign = joining.filter(({ node }) => tables.nodes.get(node)?.value.type === "cluster");
  if (foreign.length > 0) return refuseAt("refused", foreign, reasonOfCluster);
  if (fromOthers === "move") return ok(undefined);
  const taken = joining.filter(({ node }) => groupOf(tables, node, group) !== undefined);
  if (taken.length === 0) return ok(undefined);
  return refuseAt("conflict", taken, (node) => {
    return `node "${node}" is in HA group "${groupOf(tables, node, group)}" already; move it with --force (query force=true), or take it out there first`;
  });
}

function reasonOfCluster(node: NodeId): string {
  return `node "${node}" is of type cluster, and only devices can be in an HA group: the orchestrator of a cluster upgrades its members one by one itself`;
}

/** The group that the node is in, if it is another one. */
function groupOf(tables: ViewTables, node: NodeId, group: string): string | undefined {
  const current = tables.haMembers.get(node)?.value.group;
  return current === group ? undefined : current;
}

/** Names that nothing has, as bad input. */
export function checkKnown(tables: ViewTables, joining: readonly Joining[]): Result<void, Problem> {
  const unknown = joining.filter(({ node }) => !tables.nodes.has(node));
  if (unknown.length === 0) return ok(undefined);
  return refuseAt("bad-input", unknown, (node) => `there is no node "${node}"`);
}

function refuseAt(
  code: "bad-input" | "conflict" | "refused",
  joining: readonly Joining[],
  reasonFor: (node: NodeId) => string,
): Result<never, Problem> {
  const faults = joining.map(({ node, path }) => ({ path, message: reasonFor(node) }));
  const line = faults
    .slice(0, 5)
    .map(({ path, message }) => (path === "" ? message : `${path}: ${message}`))
    .join("; ");
  const more = faults.length > 5 ? `; and ${faults.length - 5} more` : "";
  const isPlaced = faults.every(({ path }) => path !== "");
  return err(problemOf(code, `${line}${more}`, isPlaced ? faults : undefined));
}

/** The transaction's part that brings nodes in and takes nodes out; the group's own record is written by the caller. */
export function membershipPart(
  tables: ViewTables,
  group: string,
  moves: {
    readonly joins: readonly NodeId[];
    readonly leaves: readonly NodeId[];
    readonly nowMs: number;
  },
): Result<TransactionPart, Problem> {
  const { joins, leaves, nowMs } = moves;
  const sizeAfter = (tables.membersOfGroup.get(group)?.size ?? 0) + joins.length - leaves.length;
  if (sizeAfter > haGroupMembersMax) {
    return refuse("too-many", `an HA group has ${haGroupMembersMax} members at most`);
  }
  const left = new Set<string>();
  const compare: Compare[] = [];
  const operations: Operation[] = [];
  for (const node of [...joins, ...leaves]) {
    const key = `${keys.haMembers}${node}`;
    compare.push(unchanged(key, tables.haMembers.get(node)));
  }
  for (const node of joins) {
    compare.push({ kind: "present", key: `${keys.nodes}${node}` });
    const value = jsonOf({ version: 1, group });
    operations.push({ kind: "put", key: `${keys.haMembers}${node}`, value });
    const before = groupOf(tables, node, group);
    if (before !== undefined) left.add(before);
  }
  for (const node of leaves) operations.push({ kind: "delete", key: `${keys.haMembers}${node}` });
  const others = [...left].map((name) => writtenAnew(tables, name, nowMs));
  compare.push(...others.flatMap((part) => part.compare));
  operations.push(...others.flatMap((part) => part.operations));
  if (compare.length > conditionsMax) {
    return refuse(
      "too-many",
      "these are too many nodes for one change; add or move fewer at a time",
    );
  }
  return ok({ compare, operations });
}

/** Writes a group's record anew, because somebody else came or went. */
function writtenAnew(tables: ViewTables, group: string, nowMs: number): TransactionPart {
  const row = tables.haGroups.get(group);
  return row === undefined ? noPart : putGroup(row, { ...row.value, updatedAtMs: nowMs });
}

const noPart: TransactionPart = { compare: [], operations: [] };

/** Writes a group's record, on the condition that it is what it was. */
export function putGroup(
  row: Row<HaGroupRecord> | undefined,
  record: HaGroupRecord,
): TransactionPart {
  const key = `${keys.haGroups}${record.name}`;
  return {
    compare: [unchanged(key, row)],
    operations: [{ kind: "put", key, value: jsonOf(record) }],
  };
}

/** What a change that takes a node out of the cluster writes besides: it is in no group, and its agent has said nothing. */
export function leftBehind(tables: ViewTables, node: NodeId, nowMs: number): TransactionPart {
  const row = tables.haMembers.get(node);
  const key = `${keys.haMembers}${node}`;
  const group = row === undefined ? noPart : writtenAnew(tables, row.value.group, nowMs);
  return {
    compare: [unchanged(key, row), ...group.compare],
    operations: [
      deletion(`${keys.agentUpgradeReports}${node}`),
      ...(row === undefined ? [] : [deletion(key)]),
      ...group.operations,
    ],
  };
}

function deletion(key: string): Operation {
  return { kind: "delete", key };
}

/**
 * What a change that lets a node into the cluster writes besides, where it is to be in a group from the beginning. The
 * node's own record is in the same transaction.
 */
export function joinedWith(
  tables: ViewTables,
  node: NodeId,
  { group, nowMs }: { readonly group: string | undefined; readonly nowMs: number },
): Result<TransactionPart, Problem> {
  if (group === undefined || tables.haMembers.get(node)?.value.group === group) return ok(noPart);
  const row = tables.haGroups.get(group);
  if (row === undefined) {
    return refuse(
      "not-found",
      `there is no HA group "${group}"; create it first with: holdfast hagroup add`,
    );
  }
  const wish = { joining: [{ node, path: "" }], fromOthers: "refuse" } as const;
  const checked = checkJoining(tables, group, wish);
  if (!checked.ok) return checked;
  const part = membershipPart(tables, group, { joins: [node], leaves: [], nowMs });
  if (!part.ok) return part;
  const own = putGroup(row, { ...row.value, updatedAtMs: nowMs });
  // It is not there yet, and comes in with the same transaction.
  const compare = part.value.compare.filter(({ kind }) => kind !== "present");
  return ok({
    compare: [...compare, ...own.compare],
    operations: [...part.value.operations, ...own.operations],
  });
}
