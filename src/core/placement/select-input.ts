/** What a choice of a node rests on; the caller answers questions, so that only what is needed is worked out. */
import type { NodeId, ServiceId } from "../ids.ts";
import type { Rulebook } from "./rulebook.ts";

/** What is known of a service that rules relate to this one. */
export interface Whereabouts {
  /** Where it runs or counts; undefined: nowhere, or that node is offline. */
  readonly node: NodeId | undefined;
  /** Where it is heading to. */
  readonly target: NodeId | undefined;
}

/** All that a choice rests on. */
export interface SelectInput {
  readonly service: ServiceId;
  /** Where it is now; undefined: nowhere yet. */
  readonly current: NodeId | undefined;
  /**
   * `stay`: move only if a rule or a maintenance that is over asks for it. `best-score`: as if it were nowhere.
   * `try-next`: another one than those where it failed.
   */
  readonly preference: "stay" | "best-score" | "try-next";
  /** Whether `stay` moves it to a node of higher priority that came back. */
  readonly failback: boolean;
  readonly failedNodes: readonly NodeId[];
  /** The node that it left for that node's maintenance, and goes back to. */
  readonly maintenanceNode: NodeId | undefined;
  readonly rulebook: Rulebook;
  /** Online nodes that may take services at all, sorted by id. */
  readonly online: readonly NodeId[];
  isOnline(node: NodeId): boolean;
  whereabouts(service: ServiceId): Whereabouts;
  /** Why a node has no room, as the end of a sentence, or undefined; never asked about the current node. */
  refusal(node: NodeId): string | undefined;
  /** Lower is better; asked only when a choice is left. */
  score(nodes: readonly NodeId[]): ReadonlyMap<NodeId, number>;
}
