/** A node that was purged or removed: its machine is turned away, and another one may have the name. */
import { randomInt } from "node:crypto";
import type { NodeId } from "../../core/ids.ts";
import { ok, type Result } from "../../core/result.ts";
import type { Compare, Operation } from "../../ports/store.ts";
import type { Problem } from "../../wire/errors.ts";
import { keys, type RemovedNodeRecord } from "../../wire/records.ts";
import { unchanged } from "../changes/change.ts";
import { refuse } from "../http/problem-error.ts";
import type { Row } from "../view/table-slots.ts";
import type { ViewTables } from "../view/view-tables.ts";

/** Tokens of one node that go in one change; few have more than one. */
const oldTokensMax = 100;
/** Removed nodes that are remembered; beyond them the oldest are forgotten. */
const removedNodesMax = 1_000;
/** So many at most are forgotten in one change: purges make such records too, and take none away. */
const forgottenMax = 5;

/** What an entry under the name of a removed node rests on, and what it writes besides. */
export interface NameTaken {
  readonly compare: readonly Compare[];
  readonly operations: readonly Operation[];
}

/**
 * Whether a machine may come in under this name, which no node has now. `isAnother`: it is known not to be the removed
 * one, or was let in anew by a person.
 */
export function planReturn(
  tables: ViewTables,
  node: NodeId,
  isAnother: (removed: Row<RemovedNodeRecord>) => boolean,
): Result<NameTaken, Problem> {
  const removed = tables.removedNodes.get(node);
  if (removed === undefined) return ok({ compare: [], operations: [] });
  if (!isAnother(removed)) return refuse("not-allowed", turnedAway(removed.value));
  for (const [service, { value }] of tables.statuses) {
    // Until the manager has seen the removal, the new machine would be taken for the one with the volumes.
    if (value.boundTo !== node) continue;
    return refuse("conflict", `node "${node}" still holds volumes of ${service}; try again soon`);
  }
  const key = `${keys.removedNodes}${node}`;
  const tokens = oldTokens(tables, node, removed);
  if (tokens.length > oldTokensMax) {
    return refuse(
      "too-many",
      `the removed node "${node}" still has ${tokens.length} tokens; revoke them first: holdfast token list`,
    );
  }
  return ok({
    compare: [unchanged(key, removed)],
    operations: [{ kind: "delete", key }, ...tokens],
  });
}

/**
 * What a change that may add another record writes besides, so that they stay few. For as long as a record is there, its
 * machine's tokens only bring it the word that it was removed; without the record they would let it in again, so they go
 * with it, and the record with the last of them. `changed`: the node whose own record the change writes.
 */
export function forgottenRemovals(tables: ViewTables, changed: NodeId): NameTaken {
  const excess = tables.removedNodes.size + 1 - removedNodesMax;
  if (excess <= 0) return { compare: [], operations: [] };
  const oldest = [...tables.removedNodes]
    .filter(([node]) => node !== changed)
    .sort(([, left], [, right]) => left.revision - right.revision)
    .slice(0, excess);
  // Many that join at once do not all want to forget the same ones.
  const first = randomInt(Math.max(0, oldest.length - forgottenMax) + 1);
  const compare: Compare[] = [];
  const operations: Operation[] = [];
  for (const [node, row] of oldest.slice(first, first + forgottenMax)) {
    const key = `${keys.removedNodes}${node}`;
    const tokens = oldTokens(tables, node, row);
    operations.push(...tokens.slice(0, oldTokensMax));
    if (tokens.length > oldTokensMax) continue;
    compare.push(unchanged(key, row));
    operations.push({ kind: "delete", key });
  }
  return { compare, operations };
}

/** With one of them the removed machine could speak for the one that has its name now. */
function oldTokens(
  tables: ViewTables,
  node: NodeId,
  { revision }: Row<RemovedNodeRecord>,
): Operation[] {
  return [...tables.tokens.values()]
    .filter((token) => token.value.role === "agent" && token.value.node === node)
    .filter((token) => token.revision < revision)
    .map(({ value }) => ({ kind: "delete", key: `${keys.tokens}${value.id}` }));
}

/** What the machine of a removed node is told. */
export function turnedAway({ node, because, atMs }: RemovedNodeRecord): string {
  const when = new Date(atMs).toISOString();
  return `node "${node}" was taken out of the cluster at ${when} (${because}); to use this machine again, empty its agent's data directory and join it anew`;
}
