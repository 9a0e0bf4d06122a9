/** What simulated agents and servers say to each other: the agent protocol's requests without their encoding. */
import type { AgentEvent } from "../../core/agent/event.ts";
import type { ReportContent } from "../../core/agent/state.ts";
import type { AgentUpgradeState } from "../../core/fleet/model/agent-upgrade.ts";
import type { Epoch, InstructionUid, NodeId, ServiceId } from "../../core/ids.ts";
import type { AgentMode } from "../../core/model/node.ts";
import type { LeaseTimes } from "../../core/model/times.ts";
import type { LeaseId } from "../../ports/store.ts";
import type { AgentUpgradeRecord } from "../../wire/fleet/policies.ts";

interface Lessee {
  readonly node: NodeId;
  readonly incarnation: string;
  /** A kernel watchdog is armed on the node. */
  readonly resetsOnLoss: boolean;
}

export type AgentRequest =
  | ({ readonly kind: "grant" } & Lessee)
  | ({
      readonly kind: "renew";
      readonly epoch: Epoch;
      /** What the node will ever count on of the lease that it names; undefined: of all of it. */
      readonly promise?: { readonly leaseId: LeaseId; readonly countsOnMs: number } | undefined;
      /** It is the last one: what an earlier one said of the watchdog must not be written after it. */
      readonly isLast?: boolean;
    } & Lessee)
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
    }
  /** An agent has been started, and is of this version. */
  | { readonly kind: "join"; readonly node: NodeId; readonly agentVersion: string }
  | {
      readonly kind: "upgrade-report";
      readonly node: NodeId;
      readonly id: string;
      readonly state: AgentUpgradeState;
      readonly detail: string;
      readonly agentVersion: string;
    };

/** What a server's stream tells an agent. */
export type StreamMessage =
  | Extract<AgentEvent, { readonly kind: "snapshot" | "instruction" | "gone" }>
  /** Undefined: nothing is ordered (any more). */
  | { readonly kind: "agent-upgrade"; readonly upgrade: AgentUpgradeRecord | undefined };

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
      /** Those that the lease would rather have, where they are shorter. */
      readonly shorter: LeaseTimes | undefined;
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
