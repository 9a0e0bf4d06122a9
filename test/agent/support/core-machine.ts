/** A machine on a node for table tests, and instructions for it. */
import assert from "node:assert/strict";
import type { AgentEffect } from "../../../src/core/agent/effect.ts";
import type { AgentEvent } from "../../../src/core/agent/event.ts";
import { type AgentInstruction, createAgentState } from "../../../src/core/agent/state.ts";
import { step } from "../../../src/core/agent/step.ts";
import { epochOf, instructionUidOf, parseNodeId, parseServiceId } from "../../../src/core/ids.ts";
import { instantMs } from "../../../src/core/time.ts";

const me = parseNodeId("node1");
const web = parseServiceId("process:web");
assert(me.ok && web.ok);
/** The node of the machine under test, and the service that it is told about. */
export const node = me.value;
export const service = web.value;

/** An instruction for `service` on `node`, of epoch 1. */
export function instruction(uid: string, more: Partial<AgentInstruction> = {}): AgentInstruction {
  return {
    service,
    uid: instructionUidOf(uid),
    state: "started",
    node,
    nodeEpoch: epochOf(1),
    stopTimeoutMs: undefined,
    survivesIsolation: false,
    restartCountMax: 2,
    restartDelayMs: 100,
    restartDelayMsMax: 150,
    restartResetAfterMs: 10_000,
    restartKey: "k",
    configurationKey: "k",
    configRevision: 7,
    ...more,
  };
}

/** A machine under a lease of epoch 1 that may run until 10,000 and is near its deadline from 8,500 on. */
export function machine() {
  const state = createAgentState({ node, instancePrefix: "i" });
  let now = 0;
  let wakeAtMs: number | undefined;
  const send = (event: AgentEvent, atMs = now): AgentEffect[] => {
    now = atMs;
    const outcome = step(state, event, instantMs(now));
    wakeAtMs = outcome.wakeAtMs;
    return outcome.effects.filter((effect) => effect.kind !== "log");
  };
  const lease = (kind: "lease-granted" | "lease-renewed", untilMs: number, atMs = now) =>
    send({ kind, epoch: epochOf(1), runUntilMs: instantMs(untilMs), watchdogMs: 10_000 }, atMs);
  return {
    state,
    send,
    lease,
    wakeAtMs: () => wakeAtMs,
    tell: (told: AgentInstruction) => send({ kind: "instruction", instruction: told }),
    confirm(uid: string, answer: "current" | "not-current" | "unknown" = "current", atMs = now) {
      const event = {
        kind: "confirm-answered",
        service,
        uid: instructionUidOf(uid),
        epoch: epochOf(state.lease?.epoch ?? 1),
        answer,
      } as const;
      return send(event, atMs);
    },
    /** Runs `process:web` under uid `u1` as instance `i-1`. */
    running(more: Partial<AgentInstruction> = {}) {
      lease("lease-granted", 10_000);
      this.tell(instruction("u1", more));
      this.confirm("u1");
      return send({ kind: "started", service, instanceId: "i-1" });
    },
  };
}

/** The kinds of some effects, in their order. */
export const kinds = (effects: readonly AgentEffect[]): string[] =>
  effects.map((effect) => effect.kind);
