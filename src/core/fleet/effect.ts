/**
 * What the fleet wants written. The parts of one effect go into one transaction, conditional on the manager's own
 * election (S5), so that a slot is never held without its upgrade nor an upgrade under way without its slot (S7).
 */
import type { Reason } from "../explain/reason.ts";
import type { NodeId, ServiceId } from "../ids.ts";
import type { EpochCondition } from "../model/epoch-condition.ts";
import type { RequestedState } from "../model/service.ts";
import type { AgentUpgrade } from "./model/agent-upgrade.ts";
import type { Instance, Release, UpgradeSlot } from "./model/instance.ts";
import type { Rollout } from "./model/rollout.ts";

export type FleetWrite =
  /**
   * Writes `services/<instance>` from the definition of that version and the deployment's inputs. Conditional on the
   * definition and on the service record being as the mirror shows it; the write is what makes the agent stop the old
   * one and start the new one.
   */
  | {
      readonly kind: "put-service";
      readonly deployment: string;
      readonly node: NodeId;
      readonly service: ServiceId;
      readonly release: Release;
      readonly requested: RequestedState;
    }
  /** The manager stops it, then forgets it. */
  | { readonly kind: "remove-service"; readonly service: ServiceId }
  | { readonly kind: "put-instance"; readonly instance: Instance }
  | { readonly kind: "forget-instance"; readonly deployment: string; readonly node: NodeId }
  /** Conditional on nobody holding it, and on nobody having come or gone of those that were looked at before (S7). */
  | {
      readonly kind: "take-slot";
      readonly slot: UpgradeSlot;
      readonly members: readonly EpochCondition[];
    }
  /** Conditional on that node holding it. */
  | { readonly kind: "give-slot-back"; readonly group: string; readonly node: NodeId }
  | { readonly kind: "put-rollout"; readonly rollout: Rollout }
  | { readonly kind: "forget-rollout"; readonly deployment: string; readonly number: number }
  /** The order was taken up, or refused, which the events beside it tell. */
  | { readonly kind: "finish-rollout-order"; readonly deployment: string; readonly id: string }
  /** All instances of a deployment that is being removed are gone. */
  | { readonly kind: "forget-deployment"; readonly deployment: string }
  | { readonly kind: "put-agent-upgrade"; readonly upgrade: AgentUpgrade }
  | { readonly kind: "forget-agent-upgrade"; readonly node: NodeId }
  /** An event for people; `subject`: a deployment, a node or an HA group. */
  | {
      readonly kind: "tell";
      readonly about: "deployment" | "node" | "ha-group" | "policy";
      readonly subject: string;
      readonly reason: Reason;
    };

/** Writes that belong together: all of them are made, or none. */
export interface FleetEffect {
  readonly kind: "fleet";
  readonly writes: readonly FleetWrite[];
}
