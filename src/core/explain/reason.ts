/** Every decision carries one of these; `sentenceOf` in this folder turns it into words for log, API and CLI. */
import type { Epoch, NodeId, ServiceId } from "../ids.ts";
import type { NodeMode } from "../model/node-mode.ts";
import type { Selection } from "../placement/select-node.ts";
import type { FleetReason } from "./fleet-reason.ts";

/** What made placement take a node. */
export type PlacementCause = Selection["because"];

/** Why something was decided, with the facts that its sentence needs. */
export type Reason =
  | { readonly code: "added" }
  | { readonly code: "no-node-online" }
  /** The first nodes of a starting cluster are online, and others are known. */
  | { readonly code: "cold-start"; readonly waitMs: number }
  | {
      readonly code: "placed";
      readonly node: NodeId;
      readonly because: PlacementCause;
      readonly serviceCount: number;
    }
  | { readonly code: "home"; readonly node: NodeId }
  | { readonly code: "requested"; readonly requested: string }
  | { readonly code: "reported-running"; readonly node: NodeId }
  | { readonly code: "reported-stopped"; readonly node: NodeId }
  | {
      readonly code: "start-failed";
      readonly node: NodeId;
      readonly target: NodeId;
      readonly detail: string;
      readonly failedCount: number;
      readonly relocateMax: number;
    }
  | { readonly code: "retry-same-node"; readonly node: NodeId; readonly detail: string }
  | {
      readonly code: "relocates-exhausted";
      readonly nodes: readonly NodeId[];
      readonly detail: string;
      readonly relocateMax: number;
    }
  | { readonly code: "agent-error"; readonly node: NodeId; readonly detail: string }
  | { readonly code: "stop-failed"; readonly node: NodeId; readonly detail: string }
  | { readonly code: "wrong-node"; readonly node: NodeId; readonly detail: string }
  | {
      readonly code: "move-failed";
      readonly node: NodeId;
      readonly target: NodeId;
      readonly detail: string;
    }
  | { readonly code: "moved"; readonly from: NodeId; readonly to: NodeId }
  | { readonly code: "target-lost"; readonly target: NodeId }
  | { readonly code: "target-closed"; readonly target: NodeId; readonly because: string }
  /** It leaves a node whose taint it does not tolerate. */
  | {
      readonly code: "taint-move";
      readonly from: NodeId;
      readonly to: NodeId;
      readonly because: string;
    }
  /** The node is closed to it, and no other node takes it. */
  | {
      readonly code: "no-other-node";
      readonly node: NodeId;
      readonly closed: string;
      readonly wants: "leave" | "start";
      readonly because: string;
    }
  | { readonly code: "may-stay"; readonly node: NodeId }
  /** It was to leave for a maintenance that is over: it stays, unless it has left already. */
  | { readonly code: "maintenance-called-off"; readonly node: NodeId }
  | {
      readonly code: "volumes-bound" | "waits-for-volumes";
      readonly node: NodeId;
      readonly volumes: readonly string[];
    }
  | { readonly code: "volumes-freed"; readonly node: NodeId }
  /** It would be recovered, and no node takes it. */
  | { readonly code: "waits-for-node"; readonly lost: NodeId; readonly because: string }
  | { readonly code: "command"; readonly command: string; readonly target: NodeId | undefined }
  | { readonly code: "command-refused"; readonly command: string; readonly because: string }
  | { readonly code: "lease-granted"; readonly node: NodeId; readonly epoch: Epoch }
  | { readonly code: "lease-lost"; readonly node: NodeId; readonly epoch: Epoch }
  | { readonly code: "fencing-needed"; readonly node: NodeId; readonly epoch: Epoch }
  | { readonly code: "fenced"; readonly node: NodeId; readonly epoch: Epoch }
  | { readonly code: "waits-for-confirmation"; readonly node: NodeId; readonly epoch: Epoch }
  | { readonly code: "confirmed-off"; readonly node: NodeId; readonly epoch: Epoch }
  | { readonly code: "node-returned"; readonly node: NodeId; readonly epoch: Epoch }
  | {
      readonly code: "recovered";
      readonly from: NodeId;
      readonly to: NodeId;
      readonly because: PlacementCause;
      readonly serviceCount: number;
    }
  /** A move that the manager decided. */
  | {
      readonly code: "better-node";
      readonly from: NodeId;
      readonly to: NodeId;
      readonly because: PlacementCause;
    }
  | {
      readonly code: "maintenance-move" | "maintenance-over" | "rebalanced-on-start";
      readonly from: NodeId;
      readonly to: NodeId;
    }
  | {
      readonly code: "rebalanced";
      readonly from: NodeId;
      readonly to: NodeId;
      readonly imbalanceBefore: number;
      readonly imbalanceAfter: number;
    }
  | { readonly code: "runs-already"; readonly node: NodeId }
  | { readonly code: "located"; readonly node: NodeId }
  | { readonly code: "agent-restarts"; readonly node: NodeId }
  | { readonly code: "waits-for" | "requirement-lost"; readonly service: ServiceId }
  | { readonly code: "no-longer-waits" }
  | { readonly code: "disarmed" }
  /** The cluster lives anew, from a backup: where the copy went since the backup was made is not known. */
  | { readonly code: "restored"; readonly node: NodeId }
  | { readonly code: "arming"; readonly mode: string; readonly state: string }
  | {
      readonly code: "frozen";
      /** By whom and why. */
      readonly words: string;
      /** How long it lasts at most; undefined: until it is taken back. */
      readonly forMs: number | undefined;
      readonly failover: "goes-on" | "held";
    }
  | { readonly code: "unfrozen" }
  | { readonly code: "freeze-over"; readonly by: string }
  | { readonly code: "maintenance"; readonly node: NodeId; readonly by: "person" | "shutdown" }
  | { readonly code: "node-mode"; readonly node: NodeId; readonly mode: NodeMode }
  | {
      readonly code:
        | "maintenance-ended"
        | "node-missed"
        | "node-seen"
        | "node-removed"
        | "node-forgotten";
      readonly node: NodeId;
    }
  | { readonly code: "node-purged"; readonly node: NodeId; readonly lostForMs: number }
  | {
      readonly code: "server-lost" | "server-back";
      readonly server: string;
      readonly name: string;
    }
  | {
      readonly code: "server-purged";
      readonly server: string;
      readonly name: string;
      readonly lostForMs: number;
    }
  | {
      readonly code: "server-removed";
      readonly server: string;
      readonly name: string;
      readonly by: string;
    }
  | {
      readonly code: "server-not-removed";
      readonly server: string;
      readonly name: string;
      readonly because: string;
    }
  /** How a program of the server's person ended, which it runs because it is manager. */
  | {
      readonly code: "office-hook";
      readonly server: string;
      readonly name: string;
      readonly words: string;
    }
  | { readonly code: "rule-rejected"; readonly rule: string; readonly because: string }
  /** It was rejected, and nothing stands against it any more. */
  | { readonly code: "rule-in-force"; readonly rule: string }
  | {
      readonly code: "brake";
      readonly brake: "on" | "off";
      readonly lostCount: number;
      readonly nodeCount: number;
      readonly recoveriesAtOnce: number;
    }
  | { readonly code: "isolation-policy"; readonly onIsolation: string }
  | { readonly code: "removing" }
  | { readonly code: "ignored" }
  | FleetReason
  | { readonly code: "managed-again" };
