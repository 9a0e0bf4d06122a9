/** A control-plane server on a node: serves agents, and is manager while it is elected. */
import type { NodeId } from "../../core/ids.ts";
import type { ManagerState } from "../../core/manager/state.ts";
import type { StoredEntry, StoreRevision, WatchBatch } from "../../ports/store.ts";
import type { Engine } from "../engine/engine.ts";
import type { LocalTimer, NodeClock } from "../engine/node-clock.ts";
import { Process } from "../engine/process.ts";
import type { StoreFaults } from "../store/store-faults.ts";
import { StoreLink } from "../store/store-link.ts";
import { WatchFeed } from "../store/watch-feed.ts";
import type { AgentRequest, Reply } from "./agent-protocol.ts";
import { Election } from "./election.ts";
import { Hub, type Stream } from "./hub.ts";
import { grantLease, releaseLease, renewLease } from "./leases.ts";
import { ManagerRun } from "./manager-run.ts";
import { type Hearing, Presence } from "./presence.ts";
import { confirm, putMode, report } from "./reports.ts";
import { joinNode, reportUpgrade } from "./upgrade-reports.ts";
import { View, viewPrefixes } from "./view.ts";

export interface ServerOptions {
  readonly engine: Engine;
  readonly node: NodeId;
  readonly clock: NodeClock;
  readonly faults: StoreFaults;
  readonly hearing: Hearing;
}

const loadRetryMs = 200;
/** Cut off from the store for so long, a server closes the streams of its agents, so that they go to another one. */
const cutOffMs = 2_000;

/** One run of a server's process. */
export class Server {
  readonly node: NodeId;
  readonly process: Process;
  readonly #options: ServerOptions;
  readonly #link: StoreLink;
  readonly #load: LocalTimer;
  readonly #cutOff: LocalTimer;
  #view: View | undefined;
  #hub: Hub | undefined;
  #feed: WatchFeed | undefined;
  #election: Election | undefined;
  #run: ManagerRun | undefined;
  #presence: Presence | undefined;
  #reached = true;

  constructor(options: ServerOptions) {
    const { engine, node, clock, faults } = options;
    this.#options = options;
    this.node = node;
    this.process = new Process(engine.schedule);
    this.#link = new StoreLink({ engine, node, process: this.process, faults });
    this.#load = clock.timer(() => this.process.enter(() => this.#begin()));
    this.#cutOff = clock.timer(() => this.process.enter(() => this.#onCutOff()));
    this.process.onEnd(() => {
      this.#load.close();
      this.#cutOff.close();
      this.#feed?.end();
      this.#hub?.closeAll();
    });
    this.#begin();
  }

  /** Whether it can serve agents. */
  get isReady(): boolean {
    return this.process.isAlive && this.#view !== undefined && this.#link.isReachable;
  }

  get isManager(): boolean {
    return this.process.isAlive && this.#election?.isManager === true;
  }

  /** The manager's memory, while this server is manager. */
  get managerState(): ManagerState | undefined {
    return this.#run?.state;
  }

  /** The store has changed, or the way to it. */
  look(): void {
    if (!this.process.isAlive) return;
    this.#feed?.look();
    this.#run?.look();
  }

  /** Power, network or cuts have changed. */
  onTopology(): void {
    if (!this.process.isAlive) return;
    this.look();
    this.#noteReach(this.#link.isReachable);
    this.onPresence();
  }

  /** Looks anew which nodes are heard, and tells the manager if this is its server. */
  onPresence(): void {
    this.process.enter(() => this.#presence?.look());
  }

  /** The manager's turn. */
  onRound(): void {
    this.process.enter(() => this.#run?.onRound());
  }

  /** Answers an agent. */
  handle(request: AgentRequest, reply: Reply): void {
    const { observer, schedule } = this.#options.engine;
    const askedAtMs = schedule.nowMs;
    const say: Reply = (answer) => {
      observer.onAnswer?.({ request, answer, askedAtMs });
      reply(answer);
    };
    this.process.enter(() => this.#serve(request, say));
  }

  /** Begins an agent's stream; false: this server has nothing to say now. */
  attach(stream: Stream): boolean {
    if (!this.isReady || this.#hub === undefined) return false;
    this.#hub.attach(stream);
    return true;
  }

  detach(stream: Stream): void {
    this.#hub?.detach(stream);
  }

  /** Ends in an orderly way. */
  stop(): void {
    this.#election?.end();
    this.process.end();
  }

  #serve(request: AgentRequest, reply: Reply): void {
    const view = this.#view;
    if (view === undefined || !this.#link.isReachable) {
      reply({ kind: "unavailable", detail: `server ${this.node} cannot reach the store` });
      return;
    }
    const context = { link: this.#link, settings: view.settings };
    switch (request.kind) {
      case "grant":
        grantLease(context, request, reply);
        return;
      case "renew":
        renewLease(context, request, reply);
        return;
      case "release":
        releaseLease(context, request, reply);
        return;
      case "confirm":
        confirm(context, request, reply);
        return;
      case "report":
        report(context, request, reply);
        return;
      case "mode":
        putMode(context, request, reply);
        return;
      case "join":
        joinNode(context, request, reply);
        return;
      case "upgrade-report":
        reportUpgrade(context, request, reply);
        return;
    }
  }

  /** Reads what there is, then follows the changes. */
  #begin(): void {
    const { store } = this.#options.engine;
    const read = (): { entries: readonly StoredEntry[]; revision: StoreRevision } => ({
      entries: viewPrefixes.flatMap((prefix) => store.range(prefix)),
      revision: store.revision,
    });
    this.#link.read(read, (loaded) => {
      if (!loaded.ok) {
        this.#load.set(this.#options.clock.nowMs + loadRetryMs);
        return;
      }
      const view = new View();
      for (const entry of loaded.value.entries) view.put(entry);
      this.#follow(view, loaded.value.revision);
    });
  }

  #follow(view: View, revision: StoreRevision): void {
    const { engine } = this.#options;
    this.#view = view;
    this.#hub = new Hub(view);
    this.#feed = new WatchFeed({
      engine,
      link: this.#link,
      process: this.process,
      revision,
      onBatch: (batch) => this.#onBatch(batch),
      onCompacted: () => {
        this.#hub?.closeAll();
        this.#view = undefined;
        this.#begin();
      },
    });
    this.#election ??= this.#createElection();
  }

  #onBatch(batch: WatchBatch): void {
    for (const change of batch.changes) {
      const instructed = this.#view?.apply(change);
      if (instructed?.kind === "service") this.#hub?.onChange(instructed);
      else if (instructed !== undefined) this.#hub?.onUpgrade(instructed.node);
    }
    this.#election?.onBatch(batch);
  }

  #noteReach(reached: boolean): void {
    if (reached === this.#reached) return;
    this.#reached = reached;
    if (reached) this.#cutOff.clear();
    else this.#cutOff.set(this.#options.clock.nowMs + cutOffMs);
  }

  #onCutOff(): void {
    if (!this.#link.isReachable) this.#hub?.closeAll();
  }

  #createElection(): Election {
    const { engine, node, clock, hearing } = this.#options;
    const options = { engine, link: this.#link, clock, process: this.process, hearing };
    return new Election({
      link: this.#link,
      clock,
      process: this.process,
      serverId: node,
      ttlMs: engine.plan.pace.electionTtlMs,
      onElected: (createRevision) => {
        engine.tell({ kind: "manager", node });
        this.#run = new ManagerRun({ ...options, createRevision });
        this.#presence = new Presence(hearing, this.#run);
      },
      onLost: (because) => {
        engine.tell({ kind: "note", about: node, sentence: `no longer manager: ${because}` });
        this.#run?.end();
        this.#run = undefined;
        this.#presence = undefined;
      },
    });
  }
}
