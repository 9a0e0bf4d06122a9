/**
 * What makes a node's workloads end when its agent is not there to do it. Three kinds share this interface: the
 * guard process (always), the kernel's `/dev/watchdog` (resets the node), and systemd's (kills the unit).
 */

export interface Watchdog {
  readonly kind: "guard" | "device" | "systemd";
  /**
   * Arms it, or moves its deadline: unless called again, it acts at `runUntilMs` (CLOCK_MONOTONIC) or before.
   * `refused`: too late, it has acted or is about to.
   */
  feed(runUntilMs: number): Promise<"accepted" | "refused">;
  /** Disarms it in an orderly way: nothing that it protects runs here any more. */
  disarm(): Promise<void>;
}
