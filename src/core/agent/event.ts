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
  /** Operations that may go on at a time here, as the cluster's settings say; undefined: as before. */
  readonly operationCountMax?: number | undefined;
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
      /** `starting`: a health check will tell how it is; undefined: there is none. */
      readonly health?: ReportedHealth | undefined;
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
  /** It was moved away: nothing of it runs here any more. */
  | { readonly kind: "moved"; readonly service: ServiceId; readonly uid: InstructionUid }
  | {
      readonly kind: "move-failed";
      readonly service: ServiceId;
      readonly uid: InstructionUid;
      readonly detail: string;
      /** `wrong-node`: the service is configured on another node. */
      readonly result: "failed" | "wrong-node";
      /** What is left of it here; `unsure`: something of it may be alive. */
      readonly remains: "running" | "nothing" | "unsure";
    }
  | {
      readonly kind: "mode-answered";
      readonly sequence: number;
      /** `unknown`: no server took it. */
      readonly answer: "accepted" | "unknown";
    }
  /**
   * The agent leaves in an orderly way. `restart`: only the agent, its services go on. `freeze`, `failover`: they
   * are stopped, to wait for the node or to run elsewhere. `migrate`: they move away first. Waiting ends at
   * `deadlineMs`; what is left then is stopped (`restart`: is left to run).
   */
  | {
      readonly kind: "leave";
      readonly how: "restart" | "freeze" | "failover" | "migrate";
      readonly deadlineMs: InstantMs;
    }
  /** It does not leave after all: what it waits for has not come. Of no effect once it has. */
  | { readonly kind: "stay" }
  /** The agent ends for good: stop everything. */
  | { readonly kind: "close" }
  /** The instant that `step` asked for has come. */
  | { readonly kind: "tick" };
