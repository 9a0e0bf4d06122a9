/** Taints close a node to all services but those that tolerate every one of them. */
import { compareIds, type NodeId } from "../ids.ts";

/** The first taint that is not tolerated; undefined: all are. */
export function intoleranceOf(
  tolerations: readonly string[],
  taints: readonly string[],
): string | undefined {
  return taints.find((taint) => !tolerations.includes(taint));
}

/** A node, as far as it matters who else takes services. */
export interface OpenNode {
  readonly node: NodeId;
  readonly isOnline: boolean;
  readonly taints: readonly string[];
}

/** Why the node may not be closed; undefined: another one is there that takes every service. */
export function whyNotClose(node: NodeId, nodes: Iterable<OpenNode>): string | undefined {
  for (const other of nodes) {
    if (other.node !== node && other.isOnline && other.taints.length === 0) return undefined;
  }
  return `no other node is online and without a taint, so nothing could run once node "${node}" is closed`;
}

/** The taints with or without one of them, sorted by name. */
export function withTaint(
  taints: readonly string[],
  name: string,
  wish: "on" | "off",
): readonly string[] {
  const others = taints.filter((taint) => taint !== name);
  return wish === "on" ? [...others, name].sort(compareIds) : others;
}
