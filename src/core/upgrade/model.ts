/** The upgrade of the control plane: one durable object, carried on by whichever server is manager. */

/**
 * `rolling`: one server after the other, for versions that share the store's schema. `stop-all`: the servers pause together,
 * the schema is migrated once, and they go on from it; services run on meanwhile.
 */
export const upgradeStrategies = ["rolling", "stop-all"] as const;
export type UpgradeStrategy = (typeof upgradeStrategies)[number];

/** `paused` by a person or by `pauseAfter`; `failed`: a step says why, and waits for `resume` or `abort`. */
export const upgradeStates = [
  "running",
  "paused",
  "failed",
  "aborting",
  "abort-failed",
  "done",
  "aborted",
] as const;
export type UpgradeState = (typeof upgradeStates)[number];

/** In the order in which they come; `switch` once for each server. */
export const stepKinds = [
  "check",
  "freeze",
  "settle",
  "backup",
  "prepare",
  "announce",
  "switch",
  "migrate",
  "release",
  "agents",
] as const;
export type StepKind = (typeof stepKinds)[number];

/** `undone`: taken back by an abort. */
export const stepStates = ["waiting", "running", "done", "undoing", "undone"] as const;
/** How far a step is. */
export type StepState = (typeof stepStates)[number];

/** One step, from its precondition to its check. */
export interface UpgradeStep {
  /** Unique in the plan: its kind, and the server where it is about one: `switch 2`. */
  readonly name: string;
  readonly kind: StepKind;
  /** Id of the server that it is about. */
  readonly server?: string | undefined;
  readonly state: StepState;
  /** What it waits for, what came of it, or why it failed. */
  readonly detail: string;
  readonly beganAtMs?: number | undefined;
  readonly endedAtMs?: number | undefined;
}

/** A package of Holdfast, as servers keep it. */
export interface UpgradePackage {
  readonly version: string;
  /** Undefined: the version that was there before, which every server still has. */
  readonly sha256?: string | undefined;
}

/** An order, for the audit. */
export interface TakenOrder {
  readonly order: string;
  readonly who: string;
  /** Address of the caller. */
  readonly from: string;
  readonly atMs: number;
}

/** The whole object. */
export interface ControlPlaneUpgrade {
  readonly id: string;
  readonly by: string;
  readonly strategy: UpgradeStrategy;
  readonly from: string;
  readonly to: UpgradePackage;
  /** Of the store: what it has, and what the new version wants. */
  readonly schema: { readonly from: number; readonly to: number };
  /** Names or kinds of steps after which it pauses. */
  readonly pauseAfter: readonly string[];
  readonly state: UpgradeState;
  /** Why it is paused or failed; empty: it goes on. */
  readonly detail: string;
  readonly steps: readonly UpgradeStep[];
  /** Counts the resumes: what servers are told again is another order. */
  readonly attempt: number;
  /** The file that the step `backup` made, and the server that has it. */
  readonly backup?:
    | { readonly server: string; readonly file: string; readonly sha256: string }
    | undefined;
  /** Orders to servers that only waited for the store's schema: the audit gets them once a server serves. */
  readonly unaudited?: readonly TakenOrder[] | undefined;
  readonly startedAtMs: number;
  readonly endedAtMs?: number | undefined;
}

/** Whether it still goes on, or waits for a person. */
export function isOpen({ state }: Pick<ControlPlaneUpgrade, "state">): boolean {
  return state !== "done" && state !== "aborted";
}
