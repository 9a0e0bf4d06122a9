/** What the manager knows of a node: its lease decides whether it is online, nothing else. */
import type { Epoch, NodeId } from "../ids.ts";
import type { InstantMs } from "../time.ts";

/** `docs/states/node.md` says what each means and when it changes. */
export const nodeStates = ["online", "maintenance", "unknown", "fence", "gone"] as const;
export type NodeState = (typeof nodeStates)[number];

/** A registered node as the manager reads it from the store. */
export interface NodeRegistration {
  readonly id: NodeId;
  /** A device or a person confirmed that it was off up to and including this epoch (S4). */
  readonly confirmedOffEpoch: Epoch;
}

/** A node in the manager's memory. */
export interface ManagedNode extends NodeRegistration {
  readonly state: NodeState;
  /** The highest epoch that the store knows for the node: of its lease, or set by fencing. */
  readonly epoch: Epoch;
  /** The epoch of the lease that it holds now; undefined: it holds none. */
  readonly leaseEpoch: Epoch | undefined;
  /** When it was last seen to lose its lease; undefined while it holds one. */
  readonly lostAtMs: InstantMs | undefined;
}
