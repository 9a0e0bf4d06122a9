/** What writes about nodes rest on. */
import type { Epoch, NodeId } from "../ids.ts";

/** The write holds only while the node's epoch in the store is still this one (S4); 0: it has never had one. */
export interface EpochCondition {
  readonly node: NodeId;
  readonly epoch: Epoch;
}
