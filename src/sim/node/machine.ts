/** A node's machine: power, its clock, and the processes that come up with it. */
import type { AgentState } from "../../core/agent/state.ts";
import type { NodeId } from "../../core/ids.ts";
import type { LeavingKind } from "../../core/model/node.ts";
import { instantMs } from "../../core/time.ts";
import type { Engine } from "../engine/engine.ts";
import { NodeClock } from "../engine/node-clock.ts";
import type { Action, NodePlan } from "../plan.ts";
import { Server, type ServerOptions } from "../server/server.ts";
import type { Driver } from "../workloads/driver.ts";
import { Agent } from "./agent.ts";
import { Caller } from "./caller.ts";
import type { AgentDisk } from "./disk.ts";
import { Guard } from "./guard.ts";
import { sayLastWord } from "./last-word.ts";
import { firstUpgradeDisk, installOf } from "./upgrade/upgrade-disk.ts";

type LeavingHow = "restart" | "freeze" | "failover" | "migrate";
type Pause = Extract<Action, { readonly kind: "pause" }>["part"];

export interface MachineOptions {
  readonly engine: Engine;
  readonly plan: NodePlan;
  readonly driver: Driver;
  readonly serverNodes: readonly NodeId[];
  readonly serverOn: (node: NodeId) => Server | undefined;
  readonly serverParts: Pick<ServerOptions, "faults" | "hearing">;
  /** Processes have come or gone: who is heard has changed. */
  readonly onChange: () => void;
}

/** A machine's own server is up when its agent looks for one. */
const agentAfterServerMs = 50;
/** An agent that was restarted on purpose is back after so long. */
const agentRestartMs = 1_000;
/** How long an agent that leaves waits for what the manager has to do first. */
const leaveWithinMs = 120_000;
const leaveWithinRounds = 8;
/** So long an agent that hands over waits for that, and stays otherwise. */
const handOverWithinMs = 5_000;
const migrateWithinMs = 3_600_000;
/** After a round's begin: manager and agents have had their turn. */
const powerDownOffsetMs = 1_000;

/** One machine. Its disk survives everything. */
export class Machine {
  readonly node: NodeId;
  readonly clock: NodeClock;
  readonly disk: AgentDisk = {
    lease: undefined,
    failures: new Map(),
    upgrade: firstUpgradeDisk(),
  };
  guard: Guard | undefined;
  agent: Agent | undefined;
  server: Server | undefined;
  readonly #options: MachineOptions;
  #bootCount = 0;
  #agentCount = 0;
  #leaving: LeavingKind | undefined;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.node = options.plan.node;
    this.clock = new NodeClock(options.engine.schedule);
  }

  /** The agent's memory; undefined: none runs. */
  get agentState(): AgentState | undefined {
    return this.agent?.process.isAlive === true ? this.agent.state : undefined;
  }

  /** Whether an agent runs here, paused or not. */
  get hasAgent(): boolean {
    return this.agent?.process.isAlive === true;
  }

  /** What identifies this start of the machine's agent to servers. */
  get incarnation(): string {
    return `${this.node}.${this.#bootCount}`;
  }

  /** Switches it on; its processes run after `bootMs`. Its network is on then. */
  powerOn(bootMs: number): void {
    const { engine } = this.#options;
    const { network, schedule } = engine;
    if (network.isPowered(this.node)) return;
    this.#bootCount += 1;
    this.disk.lease = undefined; // of the machine as it was before
    const bootCount = this.#bootCount;
    network.setConnected(this.node, true);
    network.setPower(this.node, true);
    schedule.at(schedule.nowMs + bootMs, () => {
      if (this.#bootCount === bootCount && network.isPowered(this.node)) this.#boot();
    });
  }

  /** All that runs on it is dead at once. */
  powerOff(): void {
    const { engine, driver } = this.#options;
    if (!engine.network.isPowered(this.node)) return;
    engine.network.setPower(this.node, false);
    driver.losePower(this.node);
    for (const process of [this.agent?.process, this.server?.process, this.guard?.process]) {
      process?.end();
    }
    this.agent = undefined;
    this.server = undefined;
    this.guard = undefined;
    this.#options.onChange();
  }

  #createGuard(): Guard {
    const { engine, driver } = this.#options;
    const { watchdog, idleAfterMs } = engine.plan.pace;
    const guard: Guard = new Guard({
      kind: watchdog,
      clock: this.clock,
      idleAfterMs,
      kill: (instanceId) => driver.kill(instanceId, "the guard killed it"),
      onFired: (epoch) => {
        const { lease } = this.disk;
        if (lease !== undefined && lease.epoch <= epoch) this.disk.lease = undefined;
        const sentence = `the guard has killed all of epoch ${epoch}`;
        engine.tell({ kind: "note", about: this.node, sentence });
        this.agent?.onFired(epoch);
        sayLastWord({ ...this.#calling(guard), epoch });
      },
      onReset: () => {
        engine.tell({ kind: "self-fenced", node: this.node });
        this.powerOff();
      },
    });
    this.guard = guard;
    return guard;
  }

  startAgent(): void {
    const { guard } = this;
    if (guard === undefined || this.hasAgent) return;
    const { engine, driver, serverNodes, serverOn } = this.#options;
    if (this.#isOnTrial() && installOf(engine.plan, this.disk.upgrade.version) !== "ok") return;
    this.#agentCount += 1;
    const agent = new Agent({
      engine,
      node: this.node,
      clock: this.clock,
      guard,
      driver,
      disk: this.disk,
      incarnation: this.incarnation,
      instancePrefix: `${this.node}.${this.#agentCount}`,
      serverNodes,
      serverOn,
      onLease: this.#options.onChange,
      onLeft: () => this.#onLeft(),
      onHandOver: (onStay) => this.#handOver(onStay),
    });
    this.agent = agent;
    this.#options.onChange();
  }

  /** The launcher gives a new agent its time; one that is not healthy by then is replaced by the one before. */
  #isOnTrial(): boolean {
    const { schedule } = this.#options.engine;
    const { upgrade } = this.disk;
    const { trial } = upgrade;
    if (trial?.phase !== "trying") return false;
    const bootCount = this.#bootCount;
    schedule.at(schedule.nowMs + trial.healthyWithinMs, () => {
      if (this.#bootCount !== bootCount || upgrade.trial?.id !== trial.id) return;
      if (upgrade.trial.phase !== "trying") return;
      upgrade.trial = { ...trial, phase: "rolled-back" };
      upgrade.version = trial.from;
      this.agent?.process.end();
      this.guard?.onAgentGone();
      this.startAgent();
    });
    return true;
  }

  startServer(): void {
    if (!this.#options.plan.server || this.server?.process.isAlive === true) return;
    const { engine, serverParts } = this.#options;
    this.server = new Server({ engine, node: this.node, clock: this.clock, ...serverParts });
    this.#options.onChange();
  }

  /** The process dies and is started again. */
  crash(part: "agent" | "server", restartAfterMs: number): void {
    const { engine } = this.#options;
    const { schedule, network } = engine;
    const process = part === "agent" ? this.agent?.process : this.server?.process;
    if (process === undefined) return;
    process.end();
    if (part === "agent") this.guard?.onAgentGone();
    this.#options.onChange();
    const bootCount = this.#bootCount;
    schedule.at(schedule.nowMs + restartAfterMs, () => {
      if (this.#bootCount !== bootCount || !network.isPowered(this.node)) return;
      if (part === "agent") this.startAgent();
      else this.startServer();
    });
  }

  /** Stops a process where it is, or lets it go on. */
  pause(part: Pause, paused: boolean): void {
    if (part === "agent") this.agent?.process.pause(paused);
    else if (part === "server") this.server?.process.pause(paused);
    else if (this.#options.engine.plan.pace.watchdog === "guard") this.guard?.process.pause(paused);
    this.#options.onChange();
  }

  /** The server ends in an orderly way and stays away until the machine boots again. */
  stopServer(): void {
    this.server?.stop();
    this.#options.onChange();
  }

  /** The agent leaves in an orderly way; then the machine does what `kind` says. */
  leave(kind: LeavingKind, how: LeavingHow): void {
    this.#leaving = kind;
    if (!this.hasAgent) {
      this.#afterLeaving();
      return;
    }
    const withinMs = how === "migrate" ? migrateWithinMs : this.#atLeastRounds(leaveWithinMs);
    const deadlineMs = instantMs(this.clock.nowMs + withinMs);
    this.agent?.leave({ kind: "leave", how, deadlineMs });
  }

  /** Where manager and agents have turns, a wait lasts some of them. */
  #atLeastRounds(waitMs: number): number {
    return Math.max(waitMs, this.#options.engine.plan.pace.roundMs * leaveWithinRounds);
  }

  #handOver(onStay: () => void): void {
    this.#leaving = "agent-restart";
    this.agent?.handOver(this.#atLeastRounds(handOverWithinMs), () => {
      this.#leaving = undefined;
      onStay();
    });
  }

  #onLeft(): void {
    this.agent?.process.end();
    this.agent = undefined;
    this.#options.onChange();
    this.#afterLeaving();
  }

  #afterLeaving(): void {
    const { engine } = this.#options;
    const { schedule } = engine;
    const kind = this.#leaving;
    this.#leaving = undefined;
    const bootCount = this.#bootCount;
    switch (kind) {
      case "agent-restart":
        schedule.at(schedule.nowMs + agentRestartMs, () => {
          if (this.#bootCount === bootCount) this.startAgent();
        });
        return;
      case "reboot":
      case "power-off":
        this.#afterPowerDownWait(() => {
          this.server?.stop();
          this.powerOff();
          if (kind === "reboot") this.powerOn(engine.plan.pace.bootMs);
        });
        return;
      case undefined:
        return;
    }
  }

  /** Where parts look once a round, the machine goes down in the round after the one in which its agent left. */
  #afterPowerDownWait(powerDown: () => void): void {
    const { engine } = this.#options;
    const { schedule, network } = engine;
    const { roundMs } = engine.plan.pace;
    if (roundMs === 0) {
      powerDown();
      return;
    }
    const bootCount = this.#bootCount;
    const nextRoundMs = (Math.floor(schedule.nowMs / roundMs) + 1) * roundMs;
    schedule.at(nextRoundMs + Math.min(powerDownOffsetMs, roundMs / 10), () => {
      if (this.#bootCount === bootCount && network.isPowered(this.node)) powerDown();
    });
  }

  /** The world begins with it on and at work: `prepare` gives its guard what it knew before. */
  bootAtStart(prepare: (guard: Guard) => void): void {
    const { network } = this.#options.engine;
    this.#bootCount += 1;
    network.setConnected(this.node, true);
    network.setPower(this.node, true);
    this.startServer();
    prepare(this.#createGuard());
    this.#startAgentLater();
  }

  #boot(): void {
    this.#createGuard();
    this.startServer();
    this.#startAgentLater();
  }

  #startAgentLater(): void {
    const { schedule } = this.#options.engine;
    const bootCount = this.#bootCount;
    const afterMs = this.#options.plan.server ? agentAfterServerMs : 0;
    schedule.at(schedule.nowMs + afterMs, () => {
      if (this.#bootCount === bootCount) this.startAgent();
    });
  }

  #calling(guard: Guard): Omit<Parameters<typeof sayLastWord>[0], "epoch"> {
    const { engine, serverNodes, serverOn } = this.#options;
    const { node, clock } = this;
    const { process } = guard;
    const preferred = { index: 0 };
    return {
      node,
      clock,
      process,
      caller: new Caller({ engine, node, clock, process, serverNodes, serverOn, preferred }),
    };
  }
}
