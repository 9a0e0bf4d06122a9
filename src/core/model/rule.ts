/** What a person says about where services may run: placement groups, and rules about nodes and neighbours. */
import type { NodeId, ServiceId } from "../ids.ts";

/** A node in a group or rule; the highest priority that is available wins. Default priority: 0. */
export interface NodePriority {
  readonly node: NodeId;
  readonly priority: number;
}

/** A named list of nodes that services refer to; compiled to a node-affinity rule. */
export interface PlacementGroup {
  readonly name: string;
  readonly nodes: readonly NodePriority[];
  /** Its services run nowhere else. */
  readonly restricted: boolean;
  /** Its services stay where they are when a node of higher priority comes back. */
  readonly nofailback: boolean;
}

/** Which nodes services prefer, or, `strict`, may run on at all. */
export interface NodeAffinityRule {
  readonly kind: "node-affinity";
  readonly name: string;
  readonly services: readonly ServiceId[];
  readonly nodes: readonly NodePriority[];
  readonly strict: boolean;
  readonly disabled: boolean;
}

/** Services that run on one node (`positive`), or each on another one (`negative`). */
export interface ResourceAffinityRule {
  readonly kind: "resource-affinity";
  readonly name: string;
  readonly services: readonly ServiceId[];
  readonly affinity: "positive" | "negative";
  readonly disabled: boolean;
}

/** Either kind of rule. */
export type Rule = NodeAffinityRule | ResourceAffinityRule;
