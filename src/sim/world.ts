/** A simulated cluster: the production core on virtual machines, network, store and time, as a plan says. */

import type { AgentState } from "../core/agent/state.ts";
import { assert } from "../core/assert.ts";
import type { NodeId, ServiceId } from "../core/ids.ts";
import type { ManagerState } from "../core/manager/state.ts";
import { type Engine, type Observer, traceTimeOf } from "./engine/engine.ts";
import { Network } from "./engine/network.ts";
import type { Process } from "./engine/process.ts";
import { createRandom } from "./engine/random.ts";
import { Schedule } from "./engine/schedule.ts";
import { startMachines, writeInitialRecords } from "./initial.ts";
import { Copies, type Copy } from "./node/copies.ts";
import { Machine } from "./node/machine.ts";
import { Api, type ApiAction } from "./persons/api.ts";
import { actOnWorld, type FaultAction, type FaultOptions } from "./persons/faults.ts";
import { moveByHand } from "./persons/hand-move.ts";
import { ManagerCrash } from "./persons/manager-crash.ts";
import { Rounds } from "./persons/rounds.ts";
import type { Action, Plan, ServicePlan } from "./plan.ts";
import { SimulatedStore } from "./store/simulated-store.ts";
import { StoreFaults } from "./store/store-faults.ts";
import { StoredFacts } from "./store/stored-facts.ts";
import { wordsOfAction } from "./story/action-words.ts";
import { Driver } from "./workloads/driver.ts";
import { Programs } from "./workloads/programs.ts";
import { ServiceFacts } from "./workloads/service-facts.ts";

/** A node as the world knows it. */
export interface NodeFacts {
  readonly node: NodeId;
  readonly powered: boolean;
  readonly connected: boolean;
  /** What its clock shows. */
  readonly localMs: number;
  readonly agent: AgentState | undefined;
  readonly serverRuns: boolean;
  /** Processes that are stopped where they are. */
  readonly paused: readonly ("agent" | "server" | "guard")[];
  /** When its watchdog acts unless it is fed, by its own clock; undefined: it has nothing to act on. */
  readonly watchdogAtMs: number | undefined;
}

/** A world in the making. It moves only when it is told to. */
export interface World extends StoredFacts {
  readonly plan: Plan;
  readonly nowMs: number;
  /** When the next event is due; infinity: nothing will ever happen. */
  readonly nextAtMs: number;
  /** Plays everything up to and including `atMs`. */
  runUntil(atMs: number): void;
  /** Plays the next event; false: there is none. */
  runNext(): boolean;
  /** Does something to the cluster now. */
  act(action: Action): void;
  /** Every copy of every service, by instance id. */
  readonly copies: ReadonlyMap<string, Copy>;
  /** Nodes in the order of the plan. */
  nodes(): readonly NodeFacts[];
  /** The memory of a node's agent; undefined: none runs there. */
  agentState(node: NodeId): AgentState | undefined;
  /** Whether the node can reach a majority of the store's voters. */
  isQuorate(node: NodeId): boolean;
  /** Whoever believes to be manager now, with its memory once it has loaded. */
  managers(): readonly { readonly node: NodeId; readonly state: ManagerState | undefined }[];
  /** Where the driver says that a service is configured. */
  configuredOn(service: ServiceId): NodeId | undefined;
}

/** Makes the world of a plan, at the instant before anything happens. */
export function createWorld(plan: Plan, observer: Observer = {}): World {
  return new PlannedWorld(plan, observer);
}

class PlannedWorld extends StoredFacts implements World {
  readonly plan: Plan;
  readonly #observer: Observer;
  readonly #schedule: Schedule;
  readonly #network: Network;
  readonly #copies: Copies;
  readonly #machines: readonly Machine[];
  readonly #driver: Driver;
  readonly #api: Api;
  readonly #faultOptions: FaultOptions;

  constructor(plan: Plan, observer: Observer) {
    const schedule = new Schedule();
    const store = new SimulatedStore(schedule);
    super(store);
    this.plan = plan;
    this.#observer = observer;
    this.#schedule = schedule;
    const network = networkOf(plan, schedule);
    if (observer.onCommit !== undefined) store.onCommit((commit) => observer.onCommit?.(commit));
    const tell: Engine["tell"] = (telling) => {
      observer.onTrace?.({ t: traceTimeOf(schedule.nowMs), ...telling });
    };
    const engine: Engine = { plan, schedule, network, store, observer, tell };
    this.#network = network;
    this.#copies = new Copies(observer);
    this.#driver = new Driver({
      engine,
      copies: this.#copies,
      facts: new ServiceFacts(),
      programs: new Programs(plan.fleet?.definitions),
      onExit: ({ node, service, instanceId }, detail) => {
        const { agent, guard } = this.#machineOf(node);
        if (agent?.process.isAlive === true) agent.onExit(service, instanceId, detail);
        else guard?.untrack(instanceId);
      },
    });
    const faults = new StoreFaults();
    this.#machines = this.#createMachines(engine, faults);
    const rounds = new Rounds(engine, this.#machines);
    const machineOf = (node: NodeId): Machine => this.#machineOf(node);
    this.#api = new Api({
      engine,
      canWrite: () => this.#canWrite(faults),
      moveByHand: (service, target) => {
        const agentState = (node: NodeId): AgentState | undefined => this.agentState(node);
        return moveByHand({ engine, driver: this.#driver, agentState }, service, target);
      },
    });
    for (const { service, use } of plan.usage) this.#api.noteUsage(service, use);
    const onTopology = (): void => this.#onTopology();
    const driver = this.#driver;
    const crashOptions = { engine, machines: this.#machines, onCrash: onTopology };
    const managerCrash = new ManagerCrash(crashOptions);
    this.#faultOptions = { engine, driver, faults, rounds, managerCrash, machineOf, onTopology };
    for (const service of plan.services) this.#configure(service);
    writeInitialRecords(engine);
    startMachines({ engine, driver, machineOf });
    network.onChange(onTopology);
    store.onChange(() => {
      for (const { server } of this.#machines) server?.look();
    });
    for (const { atMs, action } of plan.actions) schedule.at(atMs, () => this.#do(action));
    rounds.begin();
  }

  get nowMs(): number {
    return this.#schedule.nowMs;
  }

  get nextAtMs(): number {
    return this.#schedule.nextAtMs;
  }

  get copies(): ReadonlyMap<string, Copy> {
    return this.#copies.all;
  }

  runUntil(atMs: number): void {
    while (this.#schedule.nextAtMs <= atMs) this.runNext();
    if (atMs > this.#schedule.nowMs) this.#schedule.advanceTo(atMs);
  }

  runNext(): boolean {
    if (!this.#schedule.runNext()) return false;
    this.#observer.onEvent?.();
    return true;
  }

  act(action: Action): void {
    this.#do(action);
    this.#observer.onEvent?.();
  }

  nodes(): readonly NodeFacts[] {
    return this.#machines.map(({ node, clock, agentState, agent, server, guard }) => ({
      node,
      powered: this.#network.isPowered(node),
      connected: this.#network.isConnected(node),
      localMs: clock.nowMs,
      agent: agentState,
      serverRuns: server?.process.isAlive === true,
      paused: pausedOf({ agent: agent?.process, server: server?.process, guard: guard?.process }),
      watchdogAtMs: guard?.actsAtMs,
    }));
  }

  agentState(node: NodeId): AgentState | undefined {
    return this.#machineOf(node).agentState;
  }

  isQuorate(node: NodeId): boolean {
    return this.#network.isQuorate(node);
  }

  managers(): readonly { readonly node: NodeId; readonly state: ManagerState | undefined }[] {
    return this.#machines.flatMap(({ node, server }) =>
      server?.isManager === true ? [{ node, state: server.managerState }] : [],
    );
  }

  configuredOn(service: ServiceId): NodeId | undefined {
    return this.#driver.options.facts.configuredOn(service);
  }

  #createMachines(engine: Engine, faults: StoreFaults): readonly Machine[] {
    const { plan } = this;
    const servers = plan.nodes.filter(({ server }) => server).map(({ node }) => node);
    assert(servers.length > 0, "a plan has a node with a server");
    const random = createRandom(plan.seed, "server order");
    return plan.nodes.map((nodePlan) => {
      const { node } = nodePlan;
      const own = servers.indexOf(node);
      const first = own >= 0 ? own : random.below(servers.length);
      return new Machine({
        engine,
        plan: nodePlan,
        driver: this.#driver,
        serverNodes: [...servers.slice(first), ...servers.slice(0, first)],
        serverOn: (where) => {
          const { server } = this.#machineOf(where);
          return server?.process.isAlive === true ? server : undefined;
        },
        serverParts: {
          faults,
          hearing: {
            missed: () => this.#missedBy(node),
            epochOf: (other) => this.#machineOf(other).disk.lease?.epoch,
          },
        },
        onChange: () => this.#onPresence(),
      });
    });
  }

  #machineOf(node: NodeId): Machine {
    const machine = this.#machines.find((one) => one.node === node);
    if (machine === undefined) throw new RangeError(`the plan has no node "${node}"`);
    return machine;
  }

  #canWrite(faults: StoreFaults): boolean {
    return this.#machines.some(({ node, server }) => {
      return server?.isReady === true && faults.modeFor(node) !== "read-only";
    });
  }

  /** Nodes that a server cannot hear: no agent there holds a lease, or messages do not go both ways. */
  #missedBy(server: NodeId): readonly NodeId[] | undefined {
    if (!this.plan.pace.presence) return undefined;
    const missed = this.#machines.filter(({ node, guard, disk }) => {
      return (
        guard === undefined || disk.lease === undefined || !this.#network.canTalk(server, node)
      );
    });
    return missed.map(({ node }) => node);
  }

  #onTopology(): void {
    for (const { server, agent } of this.#machines) {
      server?.onTopology();
      agent?.onTopology();
    }
  }

  #onPresence(): void {
    if (!this.plan.pace.presence) return;
    for (const { server } of this.#machines) {
      if (server?.isManager === true) server.onPresence();
    }
  }

  #configure(service: ServicePlan): void {
    const { facts } = this.#driver.options;
    facts.configure(service.id, service.node);
    facts.setMisbehaviour(service.id, service.misbehaviour);
    facts.setLock(service.id, service.lock);
  }

  #do(action: Action): void {
    const { engine } = this.#faultOptions;
    if (this.#observer.onTrace !== undefined) {
      engine.tell({ kind: "step", do: wordsOfAction(action) });
    }
    if (!isApiAction(action)) {
      actOnWorld(this.#faultOptions, action);
      return;
    }
    if (action.kind === "put-definition") this.#driver.options.programs.add(action.definition);
    if (action.kind === "add") {
      const { service, running } = action;
      this.#configure(service);
      if (running && service.node !== undefined) this.#driver.placeByHand(service.id, service.node);
    }
    this.#api.act(action);
  }
}

const pausable = ["agent", "server", "guard"] as const;
type Pausable = (typeof pausable)[number];

function pausedOf(processes: Readonly<Record<Pausable, Process | undefined>>): readonly Pausable[] {
  return pausable.filter((part) => processes[part]?.isPaused === true);
}

const faultKinds: ReadonlySet<string> = new Set<FaultAction["kind"]>([
  "power",
  "network",
  "cut",
  "link",
  "pause",
  "crash",
  "crash-manager",
  "clock",
  "store",
  "driver",
  "workload-exit",
  "reboot",
  "shutdown",
  "restart-agent",
  "stop-server",
  "skip-rounds",
  "lock",
]);

function isApiAction(action: Action): action is ApiAction {
  return !faultKinds.has(action.kind);
}

function networkOf(plan: Plan, schedule: Schedule): Network {
  return new Network({
    schedule,
    random: createRandom(plan.seed, "network"),
    messageMs: plan.pace.messageMs,
    nodes: plan.nodes.map(({ node }) => node),
    voters: plan.nodes.filter(({ server }) => server).map(({ node }) => node),
  });
}
