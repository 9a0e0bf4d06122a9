/** A node that was purged or removed: its machine is turned away, and another one may have the name. */
import type { NodeId } from "../../core/ids.ts";
import { ok, type Result } from "../../core/result.ts";
import type { Compare, Operation } from "../../ports/store.ts";
import type { Problem } from "../../wire/errors.ts";
import { keys, type RemovedNodeRecord } from "../../wire/records.ts";
import { unchanged } from "../changes/change.ts";
import { refuse } from "../http/problem-error.ts";
import type { Row, ViewTables } from "../view/view-tables.ts";

/** Tokens that go in one change; few have more than one. */
const oldTokensMax = 100;

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
  return ok({
    compare: [unchanged(key, removed)],
    operations: [{ kind: "delete", key }, ...oldTokens(tables, node, removed)],
  });
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
    .slice(0, oldTokensMax)
    .map(({ value }) => ({ kind: "delete", key: `${keys.tokens}${value.id}` }));
}

/** What the machine of a removed node is told. */
export function turnedAway({ node, because, atMs }: RemovedNodeRecord): string {
  const when = new Date(atMs).toISOString();
  return `node "${node}" was taken out of the cluster at ${when} (${because}); to use this machine again, empty its agent's data directory and join it anew`;
}
