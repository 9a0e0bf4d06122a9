/** Every decision carries one of these; `sentenceOf` in this folder turns it into words for log, API and CLI. */
import type { Epoch, NodeId } from "../ids.ts";

export type Reason =
  | { readonly code: "added" }
  | { readonly code: "no-node-online" }
  | { readonly code: "placed"; readonly node: NodeId; readonly serviceCount: number }
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
      readonly serviceCount: number;
    }
  | { readonly code: "isolation-policy"; readonly onIsolation: string }
  | { readonly code: "removing" }
  | { readonly code: "ignored" }
  | { readonly code: "managed-again" };
