/**
 * The agent's hold on its guard: a watchdog that also has to be told what runs. The guard acknowledges a
 * `track` before a workload's first instruction runs, so there is nothing on the node that it would not kill.
 */
import type { Epoch } from "../core/ids.ts";
import type { Watchdog } from "./watchdog.ts";
import type { WorkloadInstance } from "./workload.ts";

export interface Guard extends Watchdog {
  readonly kind: "guard";
  /**
   * Names the epoch that deadlines and instances from now on belong to, and the lease that the guard's last word
   * ends. Refused for an epoch that was killed.
   */
  begin(epoch: Epoch, leaseId: string): Promise<"accepted" | "refused">;
  /** The guard will kill this instance at the deadline. `refused`: the deadline has passed; start nothing. */
  track(instance: WorkloadInstance): Promise<"accepted" | "refused">;
  /** The instance is dead, or is one that keeps running without a lease. */
  untrack(instanceId: string): Promise<void>;
  /** The agent goes down in an orderly way and leaves its workloads running: wait for it until the deadline. */
  detach(): Promise<void>;
}
