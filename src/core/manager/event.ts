/** What the manager is told. Everything it knows came in by one of these, in the order of the store's revisions. */
import type { Epoch, NodeId, ServiceId } from "../ids.ts";
import type { NodeRegistration, NodeState } from "../model/node.ts";
import type { Service, ServiceCommand, ServiceReport, ServiceStatus } from "../model/service.ts";
import type { ClusterSettings } from "../model/settings.ts";

export type ManagerEvent =
  | { readonly kind: "settings-changed"; readonly settings: ClusterSettings }
  | { readonly kind: "service-changed"; readonly service: Service }
  | { readonly kind: "service-removed"; readonly service: ServiceId }
  /** A node was registered, or its registration changed (e.g. it was confirmed off). */
  | { readonly kind: "node-changed"; readonly node: NodeRegistration }
  | { readonly kind: "node-removed"; readonly node: NodeId }
  | { readonly kind: "lease-granted"; readonly node: NodeId; readonly epoch: Epoch }
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
  /** Loading is over: decide about everything. Until then nothing is decided. */
  | { readonly kind: "loaded" }
  /** The instant that `step` asked for in `wakeAtMs` has come. */
  | { readonly kind: "tick" };
