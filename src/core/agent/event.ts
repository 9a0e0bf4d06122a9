/** What the machine on a node is told; the answer to each effect comes back as one of these. */
import type { Epoch, InstructionUid, ServiceId } from "../ids.ts";
import type { InstantMs } from "../time.ts";
import type { AgentInstruction, ReportedHealth } from "./state.ts";

interface LeaseFacts {
  readonly epoch: Epoch;
  /** Counted from the sending of the request; the guard was told the same. */
  readonly runUntilMs: InstantMs;
  /** The watchdog's time-out that holds now. */
  readonly watchdogMs: number;
}

export type AgentEvent =
  | ({ readonly kind: "lease-granted" } & LeaseFacts)
  | ({ readonly kind: "lease-renewed" } & LeaseFacts)
  /** The lease of this epoch is over: refused by a server, or its guard has fired. */
  | { readonly kind: "lease-lost"; readonly epoch: Epoch; readonly why: string }
  | { readonly kind: "snapshot"; readonly instructions: readonly AgentInstruction[] }
  | { readonly kind: "instruction"; readonly instruction: AgentInstruction }
  | { readonly kind: "gone"; readonly service: ServiceId }
  /** Found running when the agent started, from its own disk. */
  | {
      readonly kind: "adopted";
      readonly service: ServiceId;
      readonly instanceId: string;
      readonly restartKey: string;
      readonly configurationKey: string;
      readonly tracked: boolean;
    }
  /** Failed under this uid before the agent was restarted: reported again, not executed again. */
  | {
      readonly kind: "recalled-failure";
      readonly service: ServiceId;
      readonly uid: InstructionUid;
      readonly detail: string;
    }
  | {
      readonly kind: "confirm-answered";
      readonly service: ServiceId;
      readonly uid: InstructionUid;
      /** The epoch that the question named: an answer about another one says nothing. */
      readonly epoch: Epoch;
      /** `unknown`: no server could be asked. */
      readonly answer: "current" | "not-current" | "unknown";
    }
  | { readonly kind: "started"; readonly service: ServiceId; readonly instanceId: string }
  | {
      readonly kind: "start-failed";
      readonly service: ServiceId;
      readonly instanceId: string;
      readonly detail: string;
      /** `unsure`: something of it may be alive. */
      readonly remains: "nothing" | "unsure";
    }
  | { readonly kind: "stopped"; readonly service: ServiceId; readonly instanceId: string }
  | {
      readonly kind: "stop-failed";
      readonly service: ServiceId;
      readonly instanceId: string;
      readonly detail: string;
    }
  /** It ended by itself; nothing of it is alive. */
  | {
      readonly kind: "exited";
      readonly service: ServiceId;
      readonly instanceId: string;
      readonly detail: string;
    }
  | {
      readonly kind: "health-changed";
      readonly service: ServiceId;
      readonly instanceId: string;
      readonly health: ReportedHealth;
      readonly detail: string;
    }
  | {
      readonly kind: "report-answered";
      readonly service: ServiceId;
      readonly sequence: number;
      /** `refused`: the epoch or the instruction is no longer current. `unknown`: no server took it. */
      readonly answer: "accepted" | "refused" | "unknown";
    }
  /** The agent ends for good: stop everything. */
  | { readonly kind: "close" }
  /** The instant that `step` asked for has come. */
  | { readonly kind: "tick" };
