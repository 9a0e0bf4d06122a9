/** What of an agent survives it, on its node's disk. */
import type { Epoch, InstructionUid, ServiceId } from "../../core/ids.ts";
import type { CountedLease } from "../../core/model/lease-change.ts";
import type { UpgradeDisk } from "./upgrade/upgrade-disk.ts";

/** A lease as it is kept on the node's disk, and what is counted on of it. */
export interface HeldLease extends CountedLease {
  readonly epoch: Epoch;
}

/** What of the lease survives the agent. */
export interface LeaseDisk {
  lease: HeldLease | undefined;
}

/** What of an agent survives it, on its node's disk. */
export interface AgentDisk extends LeaseDisk {
  /** Which agent the node has. */
  readonly upgrade: UpgradeDisk;
  /** Instructions that failed for good. */
  readonly failures: Map<
    ServiceId,
    { readonly uid: InstructionUid; readonly epoch: Epoch; readonly detail: string }
  >;
}
