/** Taints close a node to all services but those that tolerate every one of them. */
import { compareIds, type NodeId } from "../ids.ts";
import type { NodeMode } from "../model/node-mode.ts";

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
  /** Only an enabled node takes what is not there already. */
  readonly mode: NodeMode;
}

/** Whether the node takes every service that comes. */
export function isOpenToAll({ isOnline, taints, mode }: Omit<OpenNode, "node">): boolean {
  return isOnline && taints.length === 0 && mode === "enabled";
}

/** Why the node may not be closed; undefined: another one is there that takes every service. */
export function whyNotClose(node: NodeId, nodes: Iterable<OpenNode>): string | undefined {
  for (const other of nodes) {
    if (other.node !== node && isOpenToAll(other)) return undefined;
  }
  return `no other node is online, enabled and without a taint, so nothing could run once node "${node}" is closed`;
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
