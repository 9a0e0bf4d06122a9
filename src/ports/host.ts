/** The machine that a process runs on, as far as whoever manages its services can tell. */
import type { LeavingKind } from "../core/model/node.ts";

export interface Host {
  /**
   * Why this process was asked to end; undefined: nobody here can tell. Answers within a few seconds. What it cannot
   * find out counts as `agent-restart`.
   */
  whyEnding(): Promise<LeavingKind | undefined>;
}
