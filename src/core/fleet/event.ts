/** What the fleet is told. Everything it knows came in by one of these, in the order of the store's revisions. */
import type { Epoch, InstructionUid, NodeId, ServiceId } from "../ids.ts";
import type { ManagerState, ReportResult, RequestedState } from "../model/service.ts";
import type {
  AgentPackage,
  AgentUpgrade,
  AgentUpgradeReport,
  ManagementPolicy,
} from "./model/agent-upgrade.ts";
import type { Definition, Deployment } from "./model/deployment.ts";
import type { FleetRegistration, HaGroup } from "./model/fleet-node.ts";
import type { Instance, Release, UpgradeSlot } from "./model/instance.ts";
import type { Rollout, RolloutOrder } from "./model/rollout.ts";

/** The service record of an instance. */
export interface InstanceService {
  readonly service: ServiceId;
  /** Its revision in the store: a report of this revision or a later one is about this content. */
  readonly revision: number;
  readonly release: Release;
  readonly requested: RequestedState;
  readonly removing: boolean;
}

/** What its agent last said of an instance. */
export interface InstanceReport {
  readonly service: ServiceId;
  readonly node: NodeId;
  readonly epoch: Epoch;
  readonly uid: InstructionUid;
  readonly result: ReportResult;
  readonly health: "none" | "starting" | "healthy" | "unhealthy";
  /** Revision of the service record that it is about. */
  readonly configRevision: number;
  readonly detail: string;
}

/** One thing that the fleet is told. */
export type FleetEvent =
  | { readonly kind: "fleet-node-changed"; readonly node: FleetRegistration }
  | { readonly kind: "fleet-node-removed"; readonly node: NodeId }
  /** `epochs/<node>`: raised by a new lease or by fencing. */
  | {
      readonly kind: "fleet-epoch";
      readonly node: NodeId;
      readonly epoch: Epoch;
      /** It was raised without a lease: the record names no agent that was granted the epoch. */
      readonly fenced: boolean;
    }
  | {
      readonly kind: "fleet-lease";
      readonly node: NodeId;
      /** Undefined: the node holds none any more. */
      readonly epoch: Epoch | undefined;
    }
  | { readonly kind: "ha-group-changed"; readonly group: HaGroup }
  | { readonly kind: "ha-group-removed"; readonly name: string }
  | {
      readonly kind: "ha-member-changed";
      readonly node: NodeId;
      /** Undefined: it is in none now. */
      readonly group: string | undefined;
    }
  | { readonly kind: "definition-added"; readonly definition: Definition }
  | {
      readonly kind: "definition-removed";
      readonly service: ServiceId;
      readonly version: string;
    }
  | { readonly kind: "deployment-changed"; readonly deployment: Deployment }
  | { readonly kind: "deployment-removed"; readonly name: string }
  | {
      readonly kind: "rollout-order";
      readonly deployment: string;
      readonly order: RolloutOrder;
      readonly id: string;
      /** Who gave it, for the sentence. */
      readonly by: string;
    }
  | { readonly kind: "instance-service"; readonly service: InstanceService }
  | { readonly kind: "instance-service-removed"; readonly service: ServiceId }
  | {
      readonly kind: "instance-status";
      readonly service: ServiceId;
      readonly state: ManagerState;
      readonly uid: InstructionUid;
      /** The cluster is disarmed: the service is left alone whatever its state says. */
      readonly suspended: boolean;
    }
  | { readonly kind: "instance-report"; readonly report: InstanceReport }
  | { readonly kind: "policy-changed"; readonly policy: ManagementPolicy }
  | { readonly kind: "policy-removed"; readonly name: string }
  | { readonly kind: "package-added"; readonly package: AgentPackage }
  | { readonly kind: "package-removed"; readonly sha256: string }
  | { readonly kind: "agent-upgrade-report"; readonly report: AgentUpgradeReport }
  /** Whether the cluster acts by itself; while it is disarmed the fleet changes no service. Without a word it does. */
  | { readonly kind: "fleet-arming"; readonly armed: boolean }
  | { readonly kind: "fleet-freeze"; readonly frozen: boolean }
  /** While loading: what the last manager had written. */
  | { readonly kind: "instance-loaded"; readonly instance: Instance }
  | { readonly kind: "slot-loaded"; readonly slot: UpgradeSlot }
  | { readonly kind: "rollout-loaded"; readonly rollout: Rollout }
  | { readonly kind: "agent-upgrade-loaded"; readonly upgrade: AgentUpgrade }
  /** Loading is over: decide about everything. */
  | { readonly kind: "fleet-loaded" }
  | { readonly kind: "fleet-tick" };
