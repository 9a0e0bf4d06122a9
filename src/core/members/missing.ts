/** The guard that all purges share: when most of the nodes are missing at once, it is this side that is cut off. */

/** Counts of nodes in the cluster; those in maintenance, or put offline, count as there, whatever they do. */
export interface NodeCounts {
  readonly nodesCount: number;
  readonly nodesMissingCount: number;
}

/** Why nothing may be purged now, whoever it is; undefined: something may. */
export function whyItMayBeUs({ nodesCount, nodesMissingCount }: NodeCounts): string | undefined {
  if (nodesMissingCount * 2 <= nodesCount) return undefined;
  return `${nodesMissingCount} of ${nodesCount} nodes are missing at once: it may be this side that is cut off`;
}
