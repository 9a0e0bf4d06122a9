/** Random histories of a node: events that its machine may be told, with answers good, bad, late and for nobody. */
import assert from "node:assert/strict";
import type { AgentEffect } from "../../../src/core/agent/effect.ts";
import type { AgentEvent } from "../../../src/core/agent/event.ts";
import {
  type AgentInstruction,
  type AgentState,
  createAgentState,
  liveInstanceOf,
  type Phase,
} from "../../../src/core/agent/state.ts";
import { type AgentStep, step } from "../../../src/core/agent/step.ts";
import { epochOf, instructionUidOf, type ServiceId } from "../../../src/core/ids.ts";
import { instantMs } from "../../../src/core/time.ts";
import { instruction, node } from "../../agent/support/core-machine.ts";
import { Dice, nodeNamed, serviceNamed } from "../../sim/scenario/dice.ts";

const other = nodeNamed("node2");
const services = Array.from({ length: 9 }, (_, index) => serviceNamed(`process:s${index}`));

const states = [
  ...["started", "started", "started", "started", "started", "request_stop", "stopped"],
  ...["migrate", "relocate", "request_start_balance", "freeze", "ignored", "fence", "error"],
] as const;

/** One machine under a history; `take` is `step`. */
interface HistoryMachine {
  readonly state: AgentState;
  take(event: AgentEvent, nowMs: number): AgentStep;
}

/** The same seed tells the same story to a machine that does the same. */
export class History {
  nowMs = 1_000;
  readonly #dice: Dice;
  readonly #pending: AgentEvent[][] = [];
  readonly #uids = new Map<ServiceId, string>();
  #uidCount = 0;
  #epoch = 0;
  #wakeAtMs: number | undefined;
  #begun = 0;

  constructor(seed: number) {
    this.#dice = new Dice(seed);
  }

  machine(): HistoryMachine {
    const state = createAgentState({ node, instancePrefix: "i" });
    return { state, take: (event, nowMs) => step(state, event, instantMs(nowMs)) };
  }

  /** What the machine is told next, at `nowMs`. */
  next(state: AgentState): AgentEvent {
    const dice = this.#dice;
    this.#begun += 1;
    if (this.#begun <= 3 && dice.flag()) return this.#adopted();
    if (state.lease === undefined && state.leaseRequested && dice.below(3) === 0) {
      this.#epoch += 1;
      return this.#lease("lease-granted");
    }
    const roll = dice.below(100);
    if (roll < 55) return this.#answer();
    if (roll < 67) return this.#renew();
    if (roll < 75) return this.#tick();
    if (roll < 86) return { kind: "instruction", instruction: this.#told() };
    return this.#rare(roll, state);
  }

  #rare(roll: number, state: AgentState): AgentEvent {
    const dice = this.#dice;
    if (roll < 92) return this.#disturb(state);
    if (roll < 93) return { kind: "gone", service: dice.pick(services) };
    if (roll < 94) {
      const instructions = services.filter(() => dice.below(4) > 0).map((each) => this.#told(each));
      return { kind: "snapshot", instructions };
    }
    if (roll < 95) return { kind: "lease-lost", epoch: epochOf(this.#epoch), why: "test" };
    if (roll < 96) {
      const how = dice.pick(["restart", "freeze", "failover", "migrate"] as const);
      const patienceMs = dice.pick([1_000, 20_000, Number.POSITIVE_INFINITY]);
      return { kind: "leave", how, deadlineMs: instantMs(this.nowMs + patienceMs) };
    }
    if (roll < 99 || dice.below(8) > 0) return { kind: "stay" };
    return { kind: "close" };
  }

  /** What the machine wanted is answered later, once or never. */
  onOutcome({ effects, wakeAtMs }: AgentStep): void {
    this.#wakeAtMs = wakeAtMs;
    for (const effect of effects) {
      const answers = this.#answersTo(effect);
      if (answers.length > 0) this.#pending.push(answers);
    }
  }

  #tick(): AgentEvent {
    const dice = this.#dice;
    const wakeAtMs = this.#wakeAtMs;
    const isNear = wakeAtMs !== undefined && wakeAtMs < this.nowMs + 12_000;
    if (isNear && dice.flag()) this.nowMs = Math.max(this.nowMs, wakeAtMs);
    else this.nowMs += dice.below(200);
    return { kind: "tick" };
  }

  #renew(): AgentEvent {
    this.nowMs += this.#dice.below(200);
    return this.#lease("lease-renewed");
  }

  #lease(kind: "lease-granted" | "lease-renewed"): AgentEvent {
    const runUntilMs = instantMs(this.nowMs + this.#dice.pick([2_000, 6_000, 20_000]));
    const operationCountMax = this.#dice.maybe(() => this.#dice.pick([1, 2, 4]));
    return { kind, epoch: epochOf(this.#epoch), runUntilMs, watchdogMs: 2_000, operationCountMax };
  }

  #adopted(): AgentEvent {
    const dice = this.#dice;
    const service = services[this.#begun];
    assert(service !== undefined);
    const uid = instructionUidOf("u0");
    if (dice.below(4) === 0) return { kind: "recalled-failure", service, uid, detail: "before" };
    return {
      kind: "adopted",
      service,
      instanceId: `before-${this.#begun}`,
      restartKey: "k",
      configurationKey: "k",
      tracked: false,
      health: dice.maybe(() => "starting" as const),
    };
  }

  #told(service: ServiceId = this.#dice.pick(services)): AgentInstruction {
    const dice = this.#dice;
    const before = this.#uids.get(service);
    this.#uidCount += 1;
    const uid = before !== undefined && dice.below(4) === 0 ? before : `u${this.#uidCount}`;
    this.#uids.set(service, uid);
    const restartKey = dice.pick(["k", "k", "k", "other"]);
    return instruction(uid, {
      service,
      state: dice.pick(states),
      node: dice.below(12) === 0 ? other : node,
      nodeEpoch: epochOf(dice.below(12) === 0 ? Math.max(0, this.#epoch - 1) : this.#epoch),
      target: dice.below(3) === 0 ? undefined : other,
      moveBy: dice.pick(["live", "cold", "stop"] as const),
      suspended: dice.below(12) === 0,
      survivesIsolation: dice.below(4) === 0,
      stopTimeoutMs: dice.maybe(() => 500),
      restartCountMax: dice.below(2),
      restartResetAfterMs: dice.pick([300, 2_000]),
      restartKey,
      configurationKey: dice.pick([restartKey, "soft"]),
      configRevision: dice.below(3),
    });
  }

  #answer(): AgentEvent {
    const dice = this.#dice;
    const at = dice.below(Math.max(this.#pending.length, 1));
    const [answers] = this.#pending.splice(at, 1);
    if (answers === undefined) return this.#tick();
    if (dice.below(10) === 0) this.#pending.push(answers); // it will be heard twice
    const [good] = answers;
    return good !== undefined && dice.below(3) > 0 ? good : dice.pick(answers);
  }

  /** A service's instance ends, or feels other than before. */
  #disturb(state: AgentState): AgentEvent {
    const dice = this.#dice;
    const service = dice.pick(services);
    const phase: Phase = state.slots.get(service)?.phase ?? { kind: "down", retryAtMs: 0 };
    const instanceId = liveInstanceOf(phase) ?? "nobody";
    if (dice.flag()) return { kind: "exited", service, instanceId, detail: "exit code 1" };
    const health = dice.pick(["healthy", "unhealthy", "starting"] as const);
    return { kind: "health-changed", service, instanceId, health, detail: "" };
  }

  /** The good answer first. */
  #answersTo(effect: AgentEffect): AgentEvent[] {
    switch (effect.kind) {
      case "confirm": {
        const { service, uid, epoch } = effect;
        return (["current", "not-current", "unknown"] as const).map((answer) => {
          return { kind: "confirm-answered", service, uid, epoch, answer };
        });
      }
      case "report": {
        const { service, sequence } = effect;
        return (["accepted", "refused", "unknown"] as const).map((answer) => {
          return { kind: "report-answered", service, sequence, answer };
        });
      }
      case "put-mode": {
        const { sequence } = effect;
        return (["accepted", "unknown"] as const).map((answer) => {
          return { kind: "mode-answered", sequence, answer };
        });
      }
      case "start":
      case "stop":
      case "move":
        return answersOfDriver(effect);
      default:
        return [];
    }
  }
}

function answersOfDriver(
  effect: Extract<AgentEffect, { kind: "start" | "stop" | "move" }>,
): AgentEvent[] {
  const { service } = effect;
  const detail = "x";
  if (effect.kind === "stop") {
    const { instanceId } = effect;
    return [
      { kind: "stopped", service, instanceId },
      { kind: "stop-failed", service, instanceId, detail },
    ];
  }
  if (effect.kind === "start") {
    const { instanceId } = effect;
    const failed = { kind: "start-failed", service, instanceId, detail } as const;
    return [
      { kind: "started", service, instanceId },
      { ...failed, remains: "nothing" },
      { ...failed, remains: "unsure" },
    ];
  }
  const { uid } = effect;
  const failed = { kind: "move-failed", service, uid, detail, result: "failed" } as const;
  return [
    { kind: "moved", service, uid },
    { ...failed, remains: "running" },
    { ...failed, remains: "nothing" },
    { ...failed, remains: "unsure", result: "wrong-node" },
  ];
}
