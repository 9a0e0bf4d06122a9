/** What agents ask of drivers, and what drivers answer. */
import type { Epoch, InstructionUid, NodeId, ServiceId } from "../../core/ids.ts";
import type { Process } from "../engine/process.ts";

interface Order {
  /** Who hears the answer; what it has begun goes on without it. */
  readonly owner: Process;
  readonly node: NodeId;
  readonly service: ServiceId;
}

export interface StartOrder extends Order {
  readonly instanceId: string;
  readonly uid: InstructionUid;
  readonly epoch: Epoch;
  readonly tracked: boolean;
  readonly clearLocks: boolean;
  /** The configuration that it is started with. */
  readonly restartKey: string;
  readonly done: (outcome: Outcome) => void;
}

export interface StopOrder extends Order {
  readonly instanceId: string;
  /** Undefined: the usual time; 0: killed at once. */
  readonly timeoutMs: number | undefined;
  /** Nobody decided it but the loss of a lease, or a stop before it that failed: no action of its own. */
  readonly quiet: boolean;
  readonly done: (outcome: Outcome) => void;
}

export interface MoveOrder extends Order {
  /** Undefined: nothing of it runs here. */
  readonly instanceId: string | undefined;
  readonly target: NodeId;
  readonly live: boolean;
  readonly done: (outcome: MoveOutcome) => void;
}

export type Outcome =
  | { readonly kind: "ok" }
  | { readonly kind: "failed"; readonly detail: string };
export type MoveOutcome =
  | { readonly kind: "ok" }
  | {
      readonly kind: "failed";
      readonly result: "failed" | "wrong-node";
      readonly detail: string;
      readonly remains: "running" | "nothing";
    };
