/** Why the fleet did something, or does not do it yet: instances, HA groups, rollouts and agents. */
import type { NodeId } from "../ids.ts";

/** How one upgrade of an instance ended. `interrupted`: its node was fenced. `back`: it is what it was before. */
export type UpgradeOutcome = "done" | "failed" | "interrupted" | "back" | "changed";

/** Reasons of the fleet, with the facts that their sentences need. */
export type FleetReason =
  | { readonly code: "instance-added"; readonly node: NodeId; readonly version: string }
  | { readonly code: "instance-removed"; readonly node: NodeId; readonly because: string }
  | { readonly code: "instance-failed"; readonly node: NodeId; readonly detail: string }
  | { readonly code: "instance-recovered"; readonly node: NodeId; readonly version: string }
  /** `next`: what is tried instead; undefined: nothing is left. */
  | {
      readonly code: "version-given-up";
      readonly node: NodeId;
      readonly version: string;
      readonly attempts: number;
      readonly detail: string;
      readonly next: string | undefined;
    }
  | {
      readonly code: "upgrade-begun" | "upgrade-redirected";
      readonly node: NodeId;
      readonly from: string;
      readonly to: string;
      readonly rollout: number;
    }
  | {
      readonly code: "upgrade-ended";
      readonly node: NodeId;
      readonly from: string;
      readonly to: string;
      readonly outcome: UpgradeOutcome;
    }
  | {
      readonly code: "rollout-started";
      readonly rollout: number;
      readonly to: string;
      readonly instances: number;
    }
  | {
      readonly code: "rollout-state";
      readonly rollout: number;
      readonly state: string;
      readonly because: string;
    }
  | {
      readonly code: "rollout-refused";
      readonly order: string;
      readonly by: string;
      readonly because: string;
    }
  | {
      readonly code: "canaries-healthy";
      readonly rollout: number;
      readonly canaries: number;
      readonly waitMs: number;
    }
  | {
      readonly code: "members-offline";
      readonly group: string;
      readonly node: NodeId;
      readonly offline: readonly NodeId[];
    }
  | { readonly code: "slot-taken"; readonly group: string; readonly node: NodeId }
  | {
      readonly code: "slot-returned";
      readonly group: string;
      readonly node: NodeId;
      readonly because: string;
    }
  | {
      readonly code: "agent-upgrade";
      readonly node: NodeId;
      readonly policy: string;
      readonly from: string;
      readonly to: string;
      readonly state: string;
      readonly detail: string;
    }
  | {
      readonly code: "policy-conflict";
      readonly node: NodeId;
      readonly policies: readonly string[];
    }
  | WaitReason;

/** What an upgrade waits for. */
export type WaitReason =
  | { readonly code: "waits-for-slot"; readonly group: string; readonly holder: NodeId }
  | {
      readonly code: "waits-for-member";
      readonly group: string;
      readonly member: NodeId;
      /** `offline`: the group waits for those too. `failed`, and `maintenance`, which stands for offline by order, too: nothing will change by itself. `interrupted`: it was lost in the midst of a change, and restarts its copy when it is back. */
      readonly because:
        | "upgrading"
        | "unhealthy"
        | "offline"
        | "failed"
        | "maintenance"
        | "interrupted";
    }
  | {
      readonly code: "waits-for-node-online" | "waits-for-node-open" | "waits-for-node-enabled";
      readonly node: NodeId;
    }
  | { readonly code: "waits-for-own-agent"; readonly node: NodeId }
  | { readonly code: "waits-for-own-services"; readonly node: NodeId }
  | { readonly code: "waits-for-resume"; readonly rollout: number }
  | { readonly code: "waits-for-canaries"; readonly rollout: number; readonly canaries: number }
  | { readonly code: "waits-for-others"; readonly unavailable: number; readonly max: number }
  | { readonly code: "waits-for-arming" }
  | { readonly code: "waits-for-freeze" }
  | { readonly code: "waits-for-write" }
  | { readonly code: "waits-for-rollout" };
