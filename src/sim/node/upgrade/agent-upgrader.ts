/**
 * An agent's part in the upgrade of itself, as `src/agent/upgrade/upgrader.ts` has it: it fetches what the manager orders,
 * asks a server before it hands over to its launcher, and says how far it is. What is told twice is done once.
 */
import type { AgentUpgradeState } from "../../../core/fleet/model/agent-upgrade.ts";
import type { NodeId } from "../../../core/ids.ts";
import type { AgentUpgradeRecord } from "../../../wire/fleet/policies.ts";
import type { Engine } from "../../engine/engine.ts";
import type { NodeClock } from "../../engine/node-clock.ts";
import type { Process } from "../../engine/process.ts";
import type { AgentAnswer, AgentRequest } from "../../server/agent-protocol.ts";
import { installOf, type UpgradeDisk } from "./upgrade-disk.ts";

export interface UpgraderOptions {
  readonly engine: Engine;
  readonly node: NodeId;
  readonly clock: NodeClock;
  readonly process: Process;
  readonly disk: UpgradeDisk;
  /** Asks a server, and the next one if that one does not answer. */
  readonly call: (request: AgentRequest, done: (answer: AgentAnswer) => void) => void;
  /** The agent is to leave, so that its launcher starts another version; `onStay`: its services were not let go of in time. */
  readonly onHandOver: (onStay: () => void) => void;
}

/** Pause before what no server took is said again. */
const retryMs = 500;
/** Between two attempts to hand over. */
const handOverAgainMs = 1_000;

/** One run of an agent. */
export class AgentUpgrader {
  readonly #options: UpgraderOptions;
  readonly #version: string;
  #current: AgentUpgradeRecord | undefined;
  #isHandingOver = false;
  #hasLease = false;
  #isKnown: boolean;

  constructor(options: UpgraderOptions) {
    this.#options = options;
    const { disk } = options;
    this.#version = disk.version;
    this.#isKnown = disk.toldVersion === disk.version;
    if (!this.#isKnown) this.#join();
  }

  /** What the manager orders now; undefined: nothing. */
  take(order: AgentUpgradeRecord | undefined): void {
    const isNews = order?.id !== this.#current?.id || order?.order !== this.#current?.order;
    this.#current = order;
    if (isNews && !this.#isHandingOver) this.#carryOut();
  }

  /** The node's lease was granted to this agent, or renewed by it. */
  onLease(): void {
    this.#hasLease = true;
    this.#prove();
  }

  #join(): void {
    const { node, call, disk } = this.#options;
    call({ kind: "join", node, agentVersion: this.#version }, (answer) => {
      if (answer.kind !== "done") {
        this.#later(retryMs, () => this.#join());
        return;
      }
      disk.toldVersion = this.#version;
      this.#isKnown = true;
      this.#prove();
    });
  }

  /** On trial it is good when a server knows it and it holds the node's lease. */
  #prove(): void {
    const { disk } = this.#options;
    const { trial } = disk;
    if (!this.#isKnown || !this.#hasLease || trial?.phase !== "trying") return;
    if (trial.to !== this.#version) return; // the one before, on its way out
    disk.trial = { ...trial, phase: "good" };
    this.#say(trial.id, "success", "");
  }

  #carryOut(): void {
    const { disk, engine } = this.#options;
    const order = this.#current;
    if (order === undefined || order.order === "none") return;
    const { id, package: wanted } = order;
    const { trial } = disk;
    if (trial?.id === id) {
      // Decided before: the manager may not have heard of it.
      if (trial.phase === "trying") return;
      this.#say(id, trial.phase === "good" ? "success" : "rolled-back", "");
      return;
    }
    if (wanted === undefined) return;
    if (installOf(engine.plan, wanted.version) === "fails") {
      this.#say(id, "failed", "the package cannot be unpacked");
    } else if (order.order === "fetch") {
      this.#say(id, "download-started", "", () =>
        this.#later(engine.plan.pace.operationMs, () => this.#say(id, "downloaded", "")),
      );
    } else {
      this.#install(order, wanted.version);
    }
  }

  /** A server has to confirm first that this is (still) to be done: the manager keeps others waiting for it (S7). */
  #install(order: AgentUpgradeRecord, to: string): void {
    const { id, healthyWithinMs } = order;
    this.#say(id, "initiated", "", () => {
      if (this.#current?.id !== id || this.#isHandingOver) return;
      this.#isHandingOver = true;
      const { disk, onHandOver } = this.#options;
      const { trial, version: from } = disk;
      disk.trial = { id, from, to, healthyWithinMs, phase: "trying" };
      disk.version = to;
      onHandOver(() => {
        disk.trial = trial;
        disk.version = from;
        this.#isHandingOver = false;
        this.#later(handOverAgainMs, () => this.#carryOut());
      });
    });
  }

  /** Until a server took it, or says that it is over; `then`: it took it. */
  #say(id: string, state: AgentUpgradeState, detail: string, then?: () => void): void {
    const { node, call } = this.#options;
    const agentVersion = this.#version;
    const word = { kind: "upgrade-report", node, id, state, detail, agentVersion } as const;
    call(word, (answer) => {
      if (answer.kind === "done") then?.();
      else if (answer.kind === "unavailable") {
        this.#later(retryMs, () => this.#say(id, state, detail, then));
      }
    });
  }

  #later(delayMs: number, then: () => void): void {
    const { clock, process, engine } = this.#options;
    engine.schedule.at(clock.worldAt(clock.nowMs + delayMs), () => process.enter(then));
  }
}
