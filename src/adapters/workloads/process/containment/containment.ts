/** What the two ways of keeping a workload together have in common: how to start it, and how to find all of it. */
import type { ProcessIdentity, WorkloadInstance } from "../../../../ports/workload.ts";
import { liveNamespaceProcesses } from "./namespace.ts";
import { liveTrackedProcesses } from "./tracked.ts";

export type ContainmentKind = WorkloadInstance["containment"];

/** The environment variable that every process of an instance carries, besides the caller's own markers. */
export const instanceVariable = "HOLDFAST_INSTANCE";

/**
 * What must be killed for the instance to be dead; empty: it is dead. In a namespace that is its first process,
 * with which the kernel ends all others; the namespace's first process is gone only after they are.
 */
export function liveProcessesOf(instance: WorkloadInstance): readonly ProcessIdentity[] {
  return instance.containment === "namespace"
    ? liveNamespaceProcesses(instance)
    : liveTrackedProcesses(instance, `${instanceVariable}=${instance.instanceId}`);
}

/** How often nothing must be found in a row: a process that forks and ends can slip past one look at the table. */
export function looksNeeded(kind: ContainmentKind): number {
  return kind === "namespace" ? 1 : 2;
}
