/** The agent of a node: the production core with a lease keeper, a stream of instructions, a guard and a driver. */
import type { AgentEffect } from "../../core/agent/effect.ts";
import type { AgentEvent } from "../../core/agent/event.ts";
import { hasTrackedLife } from "../../core/agent/lease.ts";
import { type AgentState, createAgentState } from "../../core/agent/state.ts";
import { step } from "../../core/agent/step.ts";
import type { Epoch, NodeId, ServiceId } from "../../core/ids.ts";
import { instantMs } from "../../core/time.ts";
import type { Engine } from "../engine/engine.ts";
import type { LocalTimer, NodeClock } from "../engine/node-clock.ts";
import { Process } from "../engine/process.ts";
import type { StreamMessage } from "../server/agent-protocol.ts";
import type { Server } from "../server/server.ts";
import type { Driver } from "../workloads/driver.ts";
import { adoptAll, handMade, resumeOf } from "./adoption.ts";
import { createEffects } from "./agent-effects.ts";
import { Caller, type CallerOptions, callOnce } from "./caller.ts";
import type { AgentDisk } from "./disk.ts";
import type { Guard } from "./guard.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { StreamClient } from "./stream-client.ts";
import { AgentUpgrader } from "./upgrade/agent-upgrader.ts";

export interface AgentOptions {
  readonly engine: Engine;
  readonly node: NodeId;
  readonly clock: NodeClock;
  readonly guard: Guard;
  readonly driver: Driver;
  readonly disk: AgentDisk;
  /** Of this start of the machine: a rebooted machine holds no lease of the one before. */
  readonly incarnation: string;
  /** Makes instance ids unique across restarts of the agent. */
  readonly instancePrefix: string;
  readonly serverNodes: readonly NodeId[];
  readonly serverOn: (node: NodeId) => Server | undefined;
  /** A lease was granted. */
  readonly onLease: () => void;
  /** It has left in an orderly way, and its lease is given back as far as possible. */
  readonly onLeft: () => void;
  /** It is to leave, so that another version is started in its place; `onStay`: it could not in time. */
  readonly onHandOver: (onStay: () => void) => void;
}

type LeaveEvent = Extract<AgentEvent, { readonly kind: "leave" }>;

/** One server is given so long for a word about the agent itself. */
const callTimeoutMs = 2_000;
/** Events taken in while one event is: more is a bug. */
const eventsInARowMax = 100_000;

/** One run of an agent's process. */
export class Agent {
  readonly process: Process;
  readonly state: AgentState;
  readonly #options: AgentOptions;
  readonly #perform: (effect: AgentEffect) => void;
  readonly #wake: LocalTimer;
  readonly #queue: AgentEvent[] = [];
  /** What came since the last round. */
  readonly #inbound: (AgentEvent | StreamMessage)[] = [];
  readonly #upgrader: AgentUpgrader;
  #busy = false;
  #keeper: LeaseKeeper | undefined;
  #stream: StreamClient | undefined;

  constructor(options: AgentOptions) {
    const { engine, node, clock, instancePrefix } = options;
    this.#options = options;
    this.process = new Process(engine.schedule);
    this.state = createAgentState({ node, instancePrefix });
    const calling = this.#callerOptions();
    this.#perform = createEffects({
      ...options,
      calling,
      state: this.state,
      process: this.process,
      dispatch: (event) => this.#onAnswer(event),
      onRequestLease: () => this.#keeper?.allowNew(),
      onLeaving: () => this.#finishLeaving(),
    });
    this.#upgrader = new AgentUpgrader({
      engine,
      node,
      clock,
      process: this.process,
      disk: options.disk.upgrade,
      call: (request, done) => callOnce(calling, request, callTimeoutMs, done),
      onHandOver: options.onHandOver,
    });
    this.#wake = clock.timer(() => this.process.enter(() => this.dispatch({ kind: "tick" })));
    this.process.onEnd(() => this.#wake.close());
    this.#begin(calling);
  }

  /** Takes in an event. One that comes while another is taken in waits for its turn. */
  dispatch(event: AgentEvent): void {
    this.#queue.push(event);
    if (this.#busy) return;
    this.#busy = true;
    let wakeAtMs: number | undefined;
    for (let count = 0; count < eventsInARowMax; count += 1) {
      const next = this.#queue.shift();
      if (next === undefined || !this.process.isAlive) break;
      for (const adopted of this.#handMadeFor(next)) this.#take(adopted);
      wakeAtMs = this.#take(next);
    }
    this.#busy = false;
    if (this.process.isAlive) this.#setWake(wakeAtMs);
  }

  #take(event: AgentEvent): number | undefined {
    const { effects, wakeAtMs } = step(this.state, event, instantMs(this.#options.clock.nowMs));
    for (const effect of effects) this.#perform(effect);
    return wakeAtMs;
  }

  #handMadeFor(event: AgentEvent): Iterable<AgentEvent> {
    if (event.kind !== "instruction" && event.kind !== "snapshot") return [];
    const instructions = event.kind === "snapshot" ? event.instructions : [event.instruction];
    return handMade({ ...this.#options, slots: this.state.slots }, instructions);
  }

  /** The agent's turn: it looks at what came. */
  onRound(): void {
    this.process.enter(() => {
      this.#keeper?.onRound();
      const events = this.#inbound.splice(0);
      for (const event of events) this.#hear(event);
      if (events.length === 0) this.dispatch({ kind: "tick" });
    });
  }

  /** Power, network, cuts or pauses have changed. */
  onTopology(): void {
    this.#stream?.onTopology();
  }

  /** The guard has killed what ran under the epoch. */
  onFired(epoch: Epoch): void {
    this.process.enter(() => {
      const why = "the guard has killed its workloads";
      this.#keeper?.giveUp(epoch, why);
      const held = this.state.lease?.epoch;
      if (held !== undefined && held <= epoch) {
        this.dispatch({ kind: "lease-lost", epoch: held, why });
      }
    });
  }

  /** A copy has ended by itself, or somebody else ended it. */
  onExit(service: ServiceId, instanceId: string, detail: string): void {
    this.process.enter(() => {
      this.#options.guard.untrack(instanceId);
      this.dispatch({ kind: "exited", service, instanceId, detail });
    });
  }

  /** Leaves in an orderly way. */
  leave(event: LeaveEvent): void {
    this.process.enter(() => this.dispatch(event));
  }

  /** Leaves as for a restart, and stays when the manager does not let go of its services in time. */
  handOver(withinMs: number, onStay: () => void): void {
    const { engine, clock } = this.#options;
    const deadlineMs = instantMs(Number.POSITIVE_INFINITY);
    this.process.enter(() => this.dispatch({ kind: "leave", how: "restart", deadlineMs }));
    const wish = this.state.leaving;
    const look = (): void => {
      if (this.state.leaving !== wish || this.state.closing !== "no") return;
      this.dispatch({ kind: "stay" });
      onStay();
    };
    engine.schedule.at(clock.worldAt(clock.nowMs + withinMs), () => this.process.enter(look));
  }

  #callerOptions(): CallerOptions {
    const { engine, node, clock, serverNodes, serverOn } = this.#options;
    const { process } = this;
    const preferred = { index: 0 };
    return { engine, node, clock, process, serverNodes, serverOn, preferred };
  }

  #begin(calling: CallerOptions): void {
    const { engine, node, clock, guard, disk, incarnation, driver } = this.#options;
    const { serverNodes, serverOn } = this.#options;
    const { process } = this;
    guard.onAgent();
    const resume = resumeOf({ guard, disk, nowMs: clock.nowMs });
    const resumedEpoch = resume?.guarded === true ? resume.lease.epoch : undefined;
    const onEvent = (event: AgentEvent): void => this.dispatch(event);
    adoptAll({ node, driver, guard, disk, resumedEpoch, onEvent, process });
    this.#keeper = new LeaseKeeper({
      node,
      clock,
      process,
      caller: new Caller(calling),
      guard,
      disk,
      incarnation,
      inRounds: engine.plan.pace.roundMs > 0,
      resume,
      onLease: (kind, facts) => {
        if (kind === "lease-granted") this.#options.onLease();
        this.#upgrader.onLease();
        this.dispatch({ kind, ...facts, runUntilMs: instantMs(facts.runUntilMs) });
      },
      onTurnedAway: (sentence) => engine.tell({ kind: "note", about: node, sentence }),
      onLost: (epoch, why) => this.dispatch({ kind: "lease-lost", epoch, why }),
      onResumed: (epoch) => this.#trackAdopted(epoch),
    });
    if (this.state.leaseRequested) this.#keeper.allowNew();
    else this.dispatch({ kind: "tick" });
    const onMessage = (message: StreamMessage): void => this.#onMessage(message);
    this.#stream = new StreamClient({
      engine,
      node,
      clock,
      process,
      serverNodes,
      serverOn,
      onMessage,
    });
  }

  #trackAdopted(epoch: Epoch): boolean {
    const { guard, driver, node } = this.#options;
    return driver.options.copies
      .on(node)
      .every((copy) => !copy.tracked || guard.track(epoch, copy.instanceId) === "accepted");
  }

  #onMessage(message: AgentEvent | StreamMessage): void {
    if (this.#options.engine.plan.pace.roundMs === 0) this.#hear(message);
    else this.#inbound.push(message);
  }

  #hear(message: AgentEvent | StreamMessage): void {
    if (message.kind === "agent-upgrade") this.#upgrader.take(message.upgrade);
    else this.dispatch(message);
  }

  /** With rounds an agent that leaves does not go before the manager has had its turn. */
  #onAnswer(event: AgentEvent): void {
    if (event.kind === "mode-answered") this.#onMessage(event);
    else this.dispatch(event);
  }

  /** With rounds only the lease's deadlines are looked at between them. */
  #setWake(wakeAtMs: number | undefined): void {
    const { engine } = this.#options;
    const { lease, isolating } = this.state;
    const deadlineMs = isolating ? lease?.runUntilMs : lease?.isolateAtMs;
    if (engine.plan.pace.roundMs > 0) {
      if (deadlineMs === undefined) this.#wake.clear();
      else this.#wake.set(deadlineMs);
    } else if (wakeAtMs === undefined) this.#wake.clear();
    else this.#wake.set(wakeAtMs);
  }

  /** Stopped for good: it may all run elsewhere. What is frozen waits for this node. */
  get #nothingRuns(): boolean {
    return this.state.closing === "stopped" && this.state.leaving?.how !== "freeze";
  }

  #finishLeaving(): void {
    const { guard, onLeft } = this.#options;
    const finish = (): void => {
      guard.disarm();
      if (this.process.isAlive) onLeft();
    };
    // What the guard still watches is the guard's: it waits for the next agent until its deadline (S3).
    if (this.state.closing === "released" && hasTrackedLife(this.state)) {
      if (this.process.isAlive) onLeft();
    } else if (this.#keeper === undefined) finish();
    else this.#keeper.release(this.#nothingRuns, finish);
  }
}
