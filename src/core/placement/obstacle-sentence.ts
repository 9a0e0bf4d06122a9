/** Says what keeps a service off a node, in the words of `why`. */
import { assertNever } from "../assert.ts";
import type { NodeId } from "../ids.ts";
import type { Bounds, Level, Obstacle } from "./candidates.ts";

/** Nodes named in a sentence; the rest is counted. */
const nodesShownMax = 5;

/** The sentence for an obstacle, to follow the node's name. */
export function obstacleSentence(
  obstacle: Obstacle,
  place: { readonly bounds: Bounds; readonly level: Level; readonly node: NodeId },
): string {
  const { bounds, level, node } = place;
  const rule = `rule "${bounds.affinity?.rule ?? ""}"`;
  switch (obstacle) {
    case "forbidden":
      return `${rule} allows only ${listed([...(bounds.affinity?.priorities.keys() ?? [])])}`;
    case "less-preferred":
      return `${rule} prefers ${listed(nodesAt(bounds, level))}`;
    case "failed-there":
      return "it failed to start there";
    case "apart":
      return `${bounds.apart.get(node)} is there or on its way there, and a rule keeps them apart`;
    case "company-elsewhere":
      return `the services that it runs together with are on node "${level.pinned}"`;
    default:
      return assertNever(obstacle);
  }
}

function nodesAt(bounds: Bounds, level: Level): readonly NodeId[] {
  return [...(bounds.affinity?.priorities ?? [])]
    .filter(([, priority]) => priority === level.priority)
    .map(([node]) => node);
}

function listed(nodes: readonly NodeId[]): string {
  if (nodes.length === 0) return "nodes that it does not name";
  const shown = nodes.slice(0, nodesShownMax).map((node) => `"${node}"`);
  const restCount = nodes.length - shown.length;
  return restCount === 0 ? shown.join(", ") : `${shown.join(", ")} and ${restCount} more`;
}
