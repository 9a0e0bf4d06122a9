/** Picks a node for a service: among online nodes the one with the fewest services, ties by name. */
import { compareIds, type NodeId } from "../ids.ts";
import type { ManagedNode } from "../model/node.ts";

export interface PlacementInput {
  /** In any order. */
  readonly nodes: Iterable<ManagedNode>;
  /** Services that count as load on each node; a node that is not there has none. */
  readonly loadOn: ReadonlyMap<NodeId, number>;
  /** Nodes that are not to be taken, e.g. because a start failed there. */
  readonly excluded: readonly NodeId[];
}

/** The node that was chosen, and how loaded it was. */
export interface Placement {
  readonly node: NodeId;
  /** Services that the node had before this one. */
  readonly serviceCount: number;
}

/** The best node, or undefined when no node is online and allowed. */
export function chooseNode(input: PlacementInput): Placement | undefined {
  let best: Placement | undefined;
  for (const node of input.nodes) {
    if (node.state !== "online" || input.excluded.includes(node.id)) continue;
    const candidate = { node: node.id, serviceCount: input.loadOn.get(node.id) ?? 0 };
    if (best === undefined || isBetter(candidate, best)) best = candidate;
  }
  return best;
}

function isBetter(left: Placement, right: Placement): boolean {
  if (left.serviceCount !== right.serviceCount) return left.serviceCount < right.serviceCount;
  return compareIds(left.node, right.node) < 0;
}
