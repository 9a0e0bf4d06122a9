/** What simulated agents and servers say to each other: the agent protocol's requests without their encoding. */
import type { ReportContent } from "../../core/agent/state.ts";
import type { Epoch, InstructionUid, NodeId, ServiceId } from "../../core/ids.ts";
import type { AgentMode } from "../../core/model/node.ts";
import type { LeaseTimes } from "../../core/model/times.ts";
import type { LeaseId } from "../../ports/store.ts";

interface Lessee {
  readonly node: NodeId;
  readonly incarnation: string;
  /** A kernel watchdog is armed on the node. */
  readonly resetsOnLoss: boolean;
}

export type AgentRequest =
  | ({ readonly kind: "grant" } & Lessee)
  | ({ readonly kind: "renew"; readonly epoch: Epoch } & Lessee)
  | {
      readonly kind: "release";
      readonly node: NodeId;
      readonly epoch: Epoch;
      readonly nothingRuns: boolean;
    }
  | {
      readonly kind: "confirm";
      readonly node: NodeId;
      readonly service: ServiceId;
      readonly uid: InstructionUid;
      readonly epoch: Epoch;
    }
  | {
      readonly kind: "report";
      readonly node: NodeId;
      readonly service: ServiceId;
      readonly content: ReportContent;
    }
  | {
      readonly kind: "mode";
      readonly node: NodeId;
      readonly epoch: Epoch;
      readonly mode: AgentMode;
    };

export type RequestOf<Kind extends AgentRequest["kind"]> = Extract<
  AgentRequest,
  { readonly kind: Kind }
>;

/** `refused`: a definite no. `unavailable`: this server cannot tell, the next one may. */
export type AgentAnswer =
  | { readonly kind: "done" }
  | {
      readonly kind: "lease";
      readonly epoch: Epoch;
      readonly leaseId: LeaseId;
      readonly times: LeaseTimes;
      readonly resetsOnLoss: boolean;
      readonly operationsPerNode: number;
    }
  | { readonly kind: "confirmed"; readonly current: boolean }
  | {
      readonly kind: "refused";
      /** `not-allowed`: the node was taken out of the cluster. */
      readonly code: "conflict" | "stale-epoch" | "not-allowed";
      readonly detail: string;
    }
  | { readonly kind: "unavailable"; readonly detail: string };

export type Reply = (answer: AgentAnswer) => void;
