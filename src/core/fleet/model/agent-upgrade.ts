/** Management policies: which version of the agent which nodes are to run, and how far each has come. */
import type { Constraint } from "../../constraints/constraint.ts";
import type { NodeId } from "../../ids.ts";
import type { DurationMs, InstantMs } from "../../time.ts";

/** A package of Holdfast that is kept as a bundle. */
export interface AgentPackage {
  readonly version: string;
  readonly sha256: string;
}

/** Which nodes run which agent. */
export interface ManagementPolicy {
  readonly name: string;
  /** Over the nodes' properties; undefined: all. */
  readonly constraint: Constraint | undefined;
  /** A version, or the highest that there is a package of. */
  readonly agentVersion: string | "latest";
  readonly allowDowngrade: boolean;
  /** Nothing is begun before this instant. */
  readonly startAtMs: InstantMs;
  /** Nothing is begun so long after the start; undefined: no end. */
  readonly windowMs: DurationMs | undefined;
  /** Each node begins at a moment of its own within so long after the start. */
  readonly spreadMs: DurationMs;
  readonly enabled: boolean;
  /** How long a new agent may take to become healthy before the node goes back by itself. */
  readonly healthyWithinMs: DurationMs;
  /** Nodes in no HA group that may upgrade their agent at a time. */
  readonly nodesAtOnce: number;
  readonly generation: number;
}

/** The words that a person sees for each node. */
export const agentUpgradeStates = [
  "waiting",
  "download-started",
  "downloaded",
  "initiated",
  "success",
  "failed",
  "rolled-back",
  "unknown",
] as const;
export type AgentUpgradeState = (typeof agentUpgradeStates)[number];

/**
 * What a node's agent is told, and how far it has come; `agent-upgrades/<node>`. `fetch`: download and verify, and no
 * more. `install`: swap and restart; given only with the HA group's slot. `none`: it is over.
 */
export interface AgentUpgrade {
  readonly node: NodeId;
  readonly policy: string;
  readonly generation: number;
  /** Identity of this upgrade: an agent carries it out once. */
  readonly id: string;
  readonly from: string;
  /** The version that the policy wants. */
  readonly to: string;
  /** Undefined: there is no package of that version; then `order` is `none` and `state` is `waiting`. */
  readonly package: AgentPackage | undefined;
  readonly order: "fetch" | "install" | "none";
  readonly state: AgentUpgradeState;
  /** What failed and why; empty when nothing did. */
  readonly detail: string;
  readonly healthyWithinMs: DurationMs;
  readonly sinceMs: InstantMs;
}

/** An agent's word about the upgrade `id`. */
export interface AgentUpgradeReport {
  readonly node: NodeId;
  readonly id: string;
  readonly state: AgentUpgradeState;
  readonly detail: string;
  /** Of the agent that says so. */
  readonly agentVersion: string;
}
