/**
 * What the manager wants written. The runtime puts the effects of one step into transactions, in their order,
 * each conditional on the manager's own election (S5). A write that fails means the manager's memory may be
 * wrong: the runtime throws the whole state away and loads it anew from the store.
 */
import type { Reason } from "../explain/reason.ts";
import type { Epoch, NodeId, ServiceId } from "../ids.ts";
import type { EpochCondition } from "../model/epoch-condition.ts";
import type { NodeState } from "../model/node.ts";
import type { RequestedState, ServiceStatus } from "../model/service.ts";
import type { RuleRejection } from "../placement/rulebook.ts";

/** One change of a node's state, with its reason. */
export interface NodeTransition {
  readonly from: NodeState;
  readonly to: NodeState;
  readonly reason: Reason;
}

/** `disarming`: some services still have to be let go of. `disarmed`: nothing is watched, fenced or moved. */
export const armingStates = ["armed", "disarming", "disarmed"] as const;
export type ArmingState = (typeof armingStates)[number];

/** One thing to be written, or asked of the store. */
export type ManagerEffect =
  /**
   * Writes the last of `path` as `statuses/<service>`, which is the instruction to its node's agent. The step
   * went from `from` through every element of `path` in order: each is an event of its own. One step has at
   * most one of these for a service.
   */
  | {
      readonly kind: "put-status";
      readonly service: ServiceId;
      readonly from: ServiceStatus | undefined;
      readonly path: readonly [ServiceStatus, ...ServiceStatus[]];
      readonly conditions: readonly EpochCondition[];
    }
  /** Forgets the service: deletes its status, its report, its command and its configuration. */
  | {
      readonly kind: "forget-service";
      readonly service: ServiceId;
      readonly from: ServiceStatus | undefined;
      readonly reason: Reason;
    }
  /** Writes the last transition's `to` as `node-states/<node>`; each transition is an event of its own. */
  | {
      readonly kind: "put-node-state";
      readonly node: NodeId;
      readonly path: readonly [NodeTransition, ...NodeTransition[]];
    }
  /**
   * Sets the node's epoch to `epoch` + 1 if its lease is gone and its epoch is still `epoch` (S4); answered by
   * event `node-fenced` when that succeeded, else by what the watch tells.
   */
  | { readonly kind: "fence-node"; readonly node: NodeId; readonly epoch: Epoch }
  /**
   * Takes a lost node out of the cluster, if its lease is gone and its epoch is still `epoch`: deletes its registration
   * and leaves a record of who is turned away. Answered by event `node-removed`.
   */
  | {
      readonly kind: "purge-node";
      readonly node: NodeId;
      readonly epoch: Epoch;
      /** For whoever comes back, as the end of a sentence about the node. */
      readonly because: string;
      readonly reason: Reason;
    }
  /** Forgets a node that is registered no longer: deletes its state, epoch and mode. */
  | { readonly kind: "forget-node"; readonly node: NodeId; readonly reason: Reason }
  /** Writes `arming-state`: how far disarming has come. An event of its own. */
  | { readonly kind: "put-arming-state"; readonly state: ArmingState; readonly reason: Reason }
  /** Takes the freeze away whose time is over, if it is still that one. An event of its own. */
  | { readonly kind: "end-freeze"; readonly reason: Reason }
  /** Writes `rejected-rules`: rules that are ignored, with the reason that a person is shown. */
  | { readonly kind: "put-rejected-rules"; readonly rejections: readonly RuleRejection[] }
  /** An event about the cluster as a whole, or about `subject`, and nothing else. */
  | { readonly kind: "announce"; readonly subject: string; readonly reason: Reason }
  /** A command changed what the person wants of the service: written into its configuration. */
  | {
      readonly kind: "set-requested";
      readonly service: ServiceId;
      readonly requested: RequestedState;
      readonly reason: Reason;
    }
  /**
   * The command is taken up, which the status beside it tells, or refused, which becomes an event of its own;
   * either way it is deleted.
   */
  | {
      readonly kind: "finish-command";
      readonly service: ServiceId;
      readonly commandId: string;
      readonly reason: Reason;
    };
