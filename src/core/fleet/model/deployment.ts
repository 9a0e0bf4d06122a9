/** Services that run on every node that fits: their versions, and what a deployment wants of them. */
import type { Constraint, Properties } from "../../constraints/constraint.ts";
import type { ServiceId } from "../../ids.ts";
import type { DurationMs } from "../../time.ts";

/** One version of a service that deployments may run. It never changes: another content is another version. */
export interface Definition {
  /** `<type>:<name>`, without a node. */
  readonly service: ServiceId;
  readonly version: string;
  readonly properties: Properties;
  /** What it asks of the node. */
  readonly constraint: Constraint | undefined;
}

/** A version that a deployment may use. */
export interface DeploymentVersion {
  readonly version: string;
  /** 1 is tried first; no two versions of a deployment have the same. */
  readonly priority: number;
  /** Attempts after which the next lower one is used. */
  readonly retries: number;
  /** How long one attempt may take to become healthy. */
  readonly retryDurationMs: DurationMs;
  /** After so long in health it is good: earlier failures count no longer. */
  readonly verifiedDurationMs: DurationMs;
}

/** How a new version goes over the nodes. */
export interface RolloutPolicy {
  /** Nodes in no HA group that may be without a healthy copy at a time, those under upgrade included. */
  readonly maxUnavailable: { readonly count: number } | { readonly percent: number };
  /** So many first, then a pause, then the rest; undefined: no canaries. */
  readonly canaries: { readonly count: number; readonly waitMs: DurationMs } | undefined;
  /** Share (0 to 1) of the nodes on which the new version may fail; with more, all go back by themselves. */
  readonly failedShareMax: number;
  /** An instance must have been healthy for so long before the next one's turn. */
  readonly healthyForMs: DurationMs;
}

/** A versioned service that runs on every node that fits: one instance a node. */
export interface Deployment {
  readonly name: string;
  readonly service: ServiceId;
  /** By priority, 1 first; at least one. */
  readonly versions: readonly DeploymentVersion[];
  readonly properties: Properties;
  readonly constraint: Constraint | undefined;
  /** Stands for the inputs: equal keys, equal inputs. */
  readonly inputsKey: string;
  /** Grows with every change of the deployment. */
  readonly generation: number;
  /** Whether the order of HA groups holds for it. `none`: its instances are upgraded like those in no group. */
  readonly haSemantics: "one-at-a-time" | "none";
  readonly rollout: RolloutPolicy;
  /** A person removed it: its instances are stopped and forgotten, then it is. */
  readonly removing: boolean;
}
