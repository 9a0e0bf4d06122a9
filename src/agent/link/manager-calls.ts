/** What the core asks of the servers, or tells them: one call each, and the answer as an event. */
import type { AgentEffect } from "../../core/agent/effect.ts";
import type { AgentEvent } from "../../core/agent/event.ts";
import type { Epoch } from "../../core/ids.ts";
import type { LeavingKind } from "../../core/model/node.ts";
import type { Log } from "../../ports/log.ts";
import { agentPaths, confirmAnswerSchema, modeAnswerSchema } from "../../wire/agent-protocol.ts";
import { createReportQueue } from "./report-queue.ts";
import { anyAnswerSchema, type Servers } from "./servers.ts";

export interface ManagerCallsOptions {
  readonly servers: Servers;
  readonly log: Log;
  /** Epoch of the lease that the node holds. */
  readonly epochOf: () => Epoch | undefined;
  /** Why the agent leaves, while it does. */
  readonly leavingKind: () => LeavingKind;
  readonly dispatch: (event: AgentEvent) => void;
}

type EffectOf<Kind extends AgentEffect["kind"]> = Extract<AgentEffect, { kind: Kind }>;

export interface ManagerCalls {
  confirm(effect: EffectOf<"confirm">): Promise<void>;
  /** Sends it in its turn, if the lease is the same by then. */
  report(effect: EffectOf<"report">): void;
  putMode(effect: EffectOf<"put-mode">): Promise<void>;
}

/** One server is given so long. */
const limits = { timeoutMs: 2_000 } as const;

export function createManagerCalls(options: ManagerCallsOptions): ManagerCalls {
  const { servers, log, dispatch } = options;
  let modeRefusal = "";

  async function sendReport({ service, sequence, content }: EffectOf<"report">): Promise<void> {
    // What waited until the agent's end, or its lease's, is nobody's to hear any more.
    if (servers.signal.aborted || content.epoch !== options.epochOf()) {
      dispatch({ kind: "report-answered", service, sequence, answer: "refused" });
      return;
    }
    const body = { service, ...content };
    const answer = await servers.call(agentPaths.report, body, anyAnswerSchema, limits);
    const isRefused = answer.kind === "refused" && answer.code === "stale-epoch";
    const otherwise = isRefused ? "refused" : "unknown";
    if (answer.kind !== "ok") {
      const sentence = `report "${content.result}" was not taken: ${answer.detail}`;
      log.write("info", sentence, { service });
    }
    const word = answer.kind === "ok" ? "accepted" : otherwise;
    dispatch({ kind: "report-answered", service, sequence, answer: word });
  }

  return {
    report: createReportQueue(sendReport),

    async confirm({ service, uid, epoch }) {
      const body = { service, uid, epoch };
      const answer = await servers.call(agentPaths.confirm, body, confirmAnswerSchema, limits);
      const isCurrent = answer.kind === "ok" && answer.value.current;
      const otherwise = answer.kind === "unreachable" ? "unknown" : "not-current";
      const word = isCurrent ? "current" : otherwise;
      dispatch({ kind: "confirm-answered", service, uid, epoch, answer: word });
    },

    async putMode({ mode, sequence }) {
      const epoch = options.epochOf();
      const kind = mode === "active" ? mode : options.leavingKind();
      const answer =
        epoch === undefined
          ? ({ kind: "unreachable", detail: "the lease is over" } as const)
          : await servers.call(agentPaths.mode, { kind, epoch }, modeAnswerSchema, limits);
      if (answer.kind !== "ok" && answer.detail !== modeRefusal) {
        modeRefusal = answer.detail; // tried again and again: said once
        log.write("info", `mode "${mode}" was not taken: ${answer.detail}`);
      }
      const word = answer.kind === "ok" ? "accepted" : "unknown";
      dispatch({ kind: "mode-answered", sequence, answer: word });
    },
  };
}
