/** What the manager is told. Everything it knows came in by one of these, in the order of the store's revisions. */
import type { Epoch, NodeId, ServiceId } from "../ids.ts";
import type { Capacity } from "../model/capacity.ts";
import type { Freeze } from "../model/freeze.ts";
import type { AgentMode, NodeRegistration, NodeState } from "../model/node.ts";
import type { PlacementGroup, Rule } from "../model/rule.ts";
import type { Service, ServiceCommand, ServiceReport, ServiceStatus } from "../model/service.ts";
import type { ClusterSettings } from "../model/settings.ts";
import type { ArmingState } from "./effect.ts";

/** Whether the cluster acts by itself; `freeze` and `ignore`: two ways in which it does not. */
export const armingModes = ["armed", "freeze", "ignore"] as const;
export type ArmingMode = (typeof armingModes)[number];

/** One thing that the manager is told. */
export type ManagerEvent =
  | { readonly kind: "settings-changed"; readonly settings: ClusterSettings }
  | { readonly kind: "service-changed"; readonly service: Service }
  | { readonly kind: "service-removed"; readonly service: ServiceId }
  /** A node was registered, or its registration changed (e.g. it was confirmed off). */
  | { readonly kind: "node-changed"; readonly node: NodeRegistration }
  | { readonly kind: "node-removed"; readonly node: NodeId }
  | { readonly kind: "group-changed"; readonly group: PlacementGroup }
  | { readonly kind: "group-removed"; readonly name: string }
  | { readonly kind: "rule-changed"; readonly rule: Rule }
  | { readonly kind: "rule-removed"; readonly name: string }
  /** A person asked for high availability to be suspended, or taken up again. */
  | { readonly kind: "arming-changed"; readonly mode: ArmingMode }
  /** A person froze the cluster, or changed that; undefined: the freeze was taken back, or its time is over. */
  | { readonly kind: "freeze-changed"; readonly freeze: Freeze | undefined }
  /** An agent said what it is about to do, or that it is active again. */
  | { readonly kind: "agent-mode"; readonly node: NodeId; readonly mode: AgentMode }
  /** What a service uses, as measured by its agent. */
  | { readonly kind: "usage"; readonly service: ServiceId; readonly use: Capacity }
  | {
      readonly kind: "lease-granted";
      readonly node: NodeId;
      readonly epoch: Epoch;
      /** A kernel watchdog resets the node when this lease is lost. */
      readonly resetsOnLoss?: boolean;
    }
  /** The node is silent although its lease may live still; it is heard again. Not every runtime can tell. */
  | { readonly kind: "node-missed"; readonly node: NodeId }
  | { readonly kind: "node-seen"; readonly node: NodeId }
  /** The store has no lease key of the node any more: it expired, or was released. */
  | { readonly kind: "lease-gone"; readonly node: NodeId; readonly epoch: Epoch }
  | { readonly kind: "report"; readonly report: ServiceReport }
  | { readonly kind: "command"; readonly service: ServiceId; readonly command: ServiceCommand }
  /** The answer to effect `fence-node`: the node's epoch is now `epoch`, and no lease of an older one lives. */
  | { readonly kind: "node-fenced"; readonly node: NodeId; readonly epoch: Epoch }
  /** While loading: what the last manager had written. */
  | { readonly kind: "status-loaded"; readonly status: ServiceStatus }
  | {
      readonly kind: "node-state-loaded";
      readonly node: NodeId;
      readonly state: NodeState;
      readonly epoch: Epoch;
    }
  | { readonly kind: "arming-state-loaded"; readonly state: ArmingState }
  /** Loading is over: decide about everything. Until then nothing is decided. */
  | { readonly kind: "loaded" }
  /** The instant that `step` asked for in `wakeAtMs` has come. */
  | { readonly kind: "tick" };
