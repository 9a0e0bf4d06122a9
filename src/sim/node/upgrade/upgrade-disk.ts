/** Which agent a node has, and how far the upgrade of it has come: on the node's disk, where its launcher keeps it. */
import type { DurationMs } from "../../../core/time.ts";
import type { AgentPackagePlan } from "../../fleet-plan.ts";
import type { Plan } from "../../plan.ts";

/** The agent that nodes have when a play begins. */
export const firstAgentVersion = "0.1.0";

/** `trying`: the new agent has to prove itself before its time is over, or the one before comes back. */
export interface Trial {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly healthyWithinMs: DurationMs | number;
  readonly phase: "trying" | "good" | "rolled-back";
}

export interface UpgradeDisk {
  /** Of the agent that is started. */
  version: string;
  /** The version that the cluster knows of. */
  toldVersion: string;
  trial: Trial | undefined;
}

/** The disk of a node that was never upgraded. */
export function firstUpgradeDisk(): UpgradeDisk {
  return { version: firstAgentVersion, toldVersion: firstAgentVersion, trial: undefined };
}

/** What becomes of an agent that is to be of that version. */
export function installOf({ fleet, actions }: Plan, version: string): AgentPackagePlan["install"] {
  const pushed = actions.flatMap(({ action }) =>
    action.kind === "put-package" ? [action.package] : [],
  );
  const all = [...(fleet?.packages ?? []), ...pushed];
  return all.find((one) => one.version === version)?.install ?? "ok";
}
