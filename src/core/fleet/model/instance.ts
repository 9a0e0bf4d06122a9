/** What the fleet remembers of one instance of a deployment on one node, and of who may upgrade now. */
import type { NodeId, ServiceId } from "../../ids.ts";
import type { InstantMs } from "../../time.ts";

/** What an instance is made of: two with the same release are the same. */
export interface Release {
  readonly version: string;
  /** As in the deployment. */
  readonly inputsKey: string;
}

/** A version that was tried here and did not become healthy; tried again only when something has changed. */
export interface GivenUp {
  readonly release: Release;
  readonly because: string;
  readonly atMs: InstantMs;
  /** What it was tried under: generation, definitions and the node's properties. Of another key it counts no more. */
  readonly under: string;
}

/** An upgrade of one instance, from before its stop until it is healthy for long enough or has failed for good. */
export interface InstanceUpgrade {
  /** The deployment's rollout that it is a step of. */
  readonly rollout: number;
  readonly from: Release;
  readonly to: Release;
  readonly sinceMs: InstantMs;
}

/**
 * `installing`: a first start, which takes nothing away. `upgrading`: under an upgrade. `running`: neither.
 * `removing`: it is stopped, then forgotten. `failed`: no version of the deployment becomes healthy here.
 */
export const instancePhases = ["installing", "upgrading", "running", "removing", "failed"] as const;
export type InstancePhase = (typeof instancePhases)[number];

/** One instance; `instances/<deployment>/<node>`. */
export interface Instance {
  readonly deployment: string;
  readonly node: NodeId;
  /** `<type>:<deployment>@<node>`. */
  readonly service: ServiceId;
  readonly phase: InstancePhase;
  /** What its service's record says. */
  readonly release: Release;
  /** The rollout that brought `release`, and what it ran before that: the way back. */
  readonly rollout: number;
  readonly previous: Release | undefined;
  readonly upgrade: InstanceUpgrade | undefined;
  /** Failed attempts with `release`, and when the present one began. */
  readonly failedAttempts: number;
  readonly attemptSinceMs: InstantMs;
  readonly givenUp: readonly GivenUp[];
  /** `release` has been healthy for as long as its version asks. */
  readonly isVerified: boolean;
  /** It has been healthy at some time since it was installed here, with whatever release. */
  readonly wasHealthy: boolean;
  /** What became of the step of `rollout` here; undefined: none, it is not over, or it was taken back. */
  readonly outcome: "done" | "failed" | undefined;
}

/** Why somebody holds an HA group's slot. */
export type SlotUse =
  | {
      readonly kind: "service";
      readonly deployment: string;
      readonly from: string;
      readonly to: string;
    }
  | {
      readonly kind: "agent";
      readonly policy: string;
      readonly from: string;
      readonly to: string;
    };

/** The one member of an HA group that may upgrade now; `upgrade-slots/<group>`. */
export interface UpgradeSlot {
  readonly group: string;
  readonly node: NodeId;
  readonly use: SlotUse;
  readonly sinceMs: InstantMs;
}
