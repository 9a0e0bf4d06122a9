/** A change of a deployment on its way over the nodes. */
import type { InstantMs } from "../../time.ts";
import type { Release } from "./instance.ts";

/**
 * `running`, `paused` and `rolling-back` go on; the others are over. `superseded`: the deployment was changed again.
 * `rolled-back`: all that had been upgraded is what it was before.
 */
export const rolloutStates = [
  "running",
  "paused",
  "rolling-back",
  "succeeded",
  "rolled-back",
  "failed",
  "superseded",
] as const;
export type RolloutState = (typeof rolloutStates)[number];

/** What a person may ask of a rollout. */
export const rolloutOrders = ["pause", "resume", "abort"] as const;
export type RolloutOrder = (typeof rolloutOrders)[number];

/** `rollouts/<deployment>/<number>` */
export interface Rollout {
  readonly deployment: string;
  /** From 1 on, never used again. */
  readonly number: number;
  /** Of the deployment. */
  readonly generation: number;
  /** What most nodes are to run when it has succeeded. */
  readonly to: Release;
  readonly state: RolloutState;
  /** Why it is in this state, as a sentence. */
  readonly because: string;
  readonly startedAtMs: InstantMs;
  readonly endedAtMs: InstantMs | undefined;
  /**
   * Instances that it was to change when it began or that came later; those done, and those that went back by themselves.
   * Once it is taken back, `total` and `failed` stay, and `done` are those that are still to go back.
   */
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  /** Instances to be changed whose nodes are offline: they follow when they come back. */
  readonly offline: number;
  /** When the last canary was healthy; undefined: not yet, or there are none. */
  readonly canariesDoneAtMs: InstantMs | undefined;
  /** Releases that it must not bring (again): it was aborted or rolled back, until the deployment changes. */
  readonly withheld: readonly Release[];
}
