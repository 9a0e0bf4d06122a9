/** What the machine on a node wants done. Each is answered by an event, or says that it is not. */
import type { Epoch, InstructionUid, NodeId, ServiceId } from "../ids.ts";
import type { AgentMode } from "../model/node.ts";
import type { InstantMs } from "../time.ts";
import type { ReportContent } from "./state.ts";

export type AgentEffect =
  /** Ask a server whether this is still the instruction (S2); answered by `confirm-answered`. */
  | {
      readonly kind: "confirm";
      readonly service: ServiceId;
      readonly uid: InstructionUid;
      readonly epoch: Epoch;
    }
  /**
   * Start it, unless `runUntilMs` has passed by then or the guard refuses it; answered by `started` or
   * `start-failed`. The instance is on disk, and tracked by the guard if `tracked`, before its first instruction.
   */
  | {
      readonly kind: "start";
      readonly service: ServiceId;
      readonly uid: InstructionUid;
      readonly epoch: Epoch;
      readonly instanceId: string;
      readonly tracked: boolean;
      readonly runUntilMs: InstantMs;
      /** It was recovered from a dead node: locks that an operation there left behind may be removed. */
      readonly clearLocks: boolean;
    }
  /** End a start that goes on, as `stop` would; the start itself answers. */
  | {
      readonly kind: "abort-start";
      readonly service: ServiceId;
      readonly instanceId: string;
      readonly timeoutMs: number | undefined;
    }
  /** Answered by `stopped` or `stop-failed`. `timeoutMs` undefined: the configuration's own; 0: kill. */
  | {
      readonly kind: "stop";
      readonly service: ServiceId;
      readonly instanceId: string;
      readonly timeoutMs: number | undefined;
    }
  /**
   * Move it to `target`: `live` while it runs; else it is stopped (if `instanceId` names a running copy) and handed
   * over. Answered by `moved` or `move-failed`. Afterwards nothing of it runs here (S1).
   */
  | {
      readonly kind: "move";
      readonly service: ServiceId;
      readonly uid: InstructionUid;
      readonly instanceId: string | undefined;
      readonly target: NodeId;
      readonly live: boolean;
    }
  /** Tell the driver a configuration that needs no restart. No answer. */
  | { readonly kind: "reconfigure"; readonly service: ServiceId; readonly instanceId: string }
  /** Put a running instance under the guard, or take it away from it. No answer. */
  | { readonly kind: "track"; readonly service: ServiceId; readonly instanceId: string }
  | { readonly kind: "untrack"; readonly service: ServiceId; readonly instanceId: string }
  /** Keep on disk that the uid was executed and failed. No answer. */
  | {
      readonly kind: "remember-failure";
      readonly service: ServiceId;
      readonly uid: InstructionUid;
      readonly detail: string;
    }
  /** Nothing runs and nothing is known any more: delete what is on disk. No answer. */
  | { readonly kind: "forget"; readonly service: ServiceId }
  /** Tell the manager; answered by `report-answered`. */
  | {
      readonly kind: "report";
      readonly service: ServiceId;
      readonly sequence: number;
      readonly content: ReportContent;
    }
  /** Nothing of an older epoch runs here: ask for a new lease until there is one; answered by `lease-granted`. */
  | { readonly kind: "request-lease" }
  /** Tell the manager what this agent is about to do; answered by `mode-answered`. */
  | { readonly kind: "put-mode"; readonly mode: AgentMode; readonly sequence: number }
  /** Everything has stopped, as `close` or `leave` asked: the lease can be released. No answer. */
  | { readonly kind: "all-stopped" }
  /** `leave` is done and what runs here goes on alone: nothing is watched any more, the lease can be released. */
  | { readonly kind: "all-released" }
  /** A sentence for the log. No answer. */
  | {
      readonly kind: "log";
      readonly level: "info" | "warn";
      readonly sentence: string;
      readonly service: ServiceId | undefined;
    };
