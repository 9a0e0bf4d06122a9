/**
 * Drives the core machines of the manager's office for one time of office: what `src/runtime/manager-loop.ts` does, without promises. Whatever
 * goes wrong with a write, the memory is thrown away and loaded anew.
 */

import type { FleetState } from "../../core/fleet/state.ts";
import { epochOf } from "../../core/ids.ts";
import type { ManagerEvent } from "../../core/manager/event.ts";
import type { ManagerState } from "../../core/manager/step.ts";
import { instantMs } from "../../core/time.ts";
import type { StoredEntry, StoreRevision, TxnOutcome, WatchBatch } from "../../ports/store.ts";
import { type Draft, draftOf, type OfficeEffect } from "../../runtime/manager-draft.ts";
import {
  joinEvents,
  Office,
  type OfficeEvents,
  officeLoaded,
  officePrefixes,
} from "../../runtime/office.ts";
import { keys } from "../../wire/records.ts";
import type { Engine } from "../engine/engine.ts";
import type { LocalTimer, NodeClock } from "../engine/node-clock.ts";
import type { Process } from "../engine/process.ts";
import type { StoreLink } from "../store/store-link.ts";
import { WatchFeed } from "../store/watch-feed.ts";
import { tellDecision } from "./decisions.ts";
import type { Hearing } from "./presence.ts";

const retryDelayMsMin = 20;
const retryDelayMsMax = 2_000;

export interface ManagerRunOptions {
  readonly engine: Engine;
  readonly link: StoreLink;
  readonly clock: NodeClock;
  readonly process: Process;
  /** Revision that made the key `manager`. */
  readonly createRevision: StoreRevision;
  readonly hearing: Hearing;
}

interface Loaded {
  readonly entries: readonly StoredEntry[];
  readonly revision: StoreRevision;
  readonly sequence: number;
}

/** One time of office of one server. */
export class ManagerRun {
  readonly #options: ManagerRunOptions;
  readonly #reload: LocalTimer;
  readonly #wake: LocalTimer;
  #run: Run | undefined;
  #runCount = 0;
  #delayMs = retryDelayMsMin;
  #ended = false;

  constructor(options: ManagerRunOptions) {
    this.#options = options;
    const { clock, process } = options;
    this.#reload = clock.timer(() => process.enter(() => this.#load()));
    this.#wake = clock.timer(() => process.enter(() => this.#run?.wake()));
    process.onEnd(() => this.end());
    this.#load();
  }

  /** The core's state; undefined while nothing is loaded. */
  get state(): ManagerState | undefined {
    return this.#run?.state;
  }

  /** The fleet's core's state; undefined while nothing is loaded. */
  get fleet(): FleetState | undefined {
    return this.#run?.fleet;
  }

  end(): void {
    this.#ended = true;
    this.#reload.close();
    this.#wake.close();
    this.#run?.end();
    this.#run = undefined;
  }

  /** The store has changed, or the way to it. */
  look(): void {
    this.#run?.feedOfStore?.look();
  }

  /** Who is heard has changed. */
  tell(event: Extract<ManagerEvent, { kind: "node-missed" | "node-seen" }>): void {
    this.#run?.collect(ofManager([event]));
  }

  /** A round has come: what was collected is decided about. */
  onRound(): void {
    this.#run?.wake();
  }

  #load(): void {
    if (this.#ended) return;
    const { engine, link } = this.#options;
    const { store } = engine;
    const read = (): Loaded => ({
      entries: officePrefixes.flatMap((prefix) => store.range(prefix)),
      revision: store.revision,
      sequence: Number(store.lastKey(keys.events)?.slice(keys.events.length) ?? 0),
    });
    link.read(read, (loaded) => {
      if (this.#ended) return;
      if (loaded.ok) this.#begin(loaded.value);
      else this.#loadLater();
    });
  }

  #begin(loaded: Loaded): void {
    this.#runCount += 1;
    const run = new Run(this.#options, {
      loaded,
      uidPrefix: `${this.#options.createRevision}.${this.#runCount}`,
      wake: this.#wake,
      onDoubt: () => {
        this.#run?.end();
        this.#run = undefined;
        this.#wake.clear();
        this.#loadLater();
      },
    });
    this.#run = run;
    run.begin();
  }

  #loadLater(): void {
    if (this.#ended) return;
    this.#reload.set(this.#options.clock.nowMs + this.#delayMs);
    this.#delayMs = Math.min(this.#delayMs * 2, retryDelayMsMax);
  }
}

interface RunStart {
  readonly loaded: Loaded;
  readonly uidPrefix: string;
  readonly wake: LocalTimer;
  /** The memory may be wrong. */
  readonly onDoubt: () => void;
}

/** One load of the store and all that follows until something makes it doubtful. */
class Run {
  feedOfStore: WatchFeed | undefined;
  readonly #options: ManagerRunOptions;
  readonly #start: RunStart;
  readonly #office: Office;
  /** What came since the last round. */
  #collected: OfficeEvents[] = [];
  #queue: OfficeEffect[] = [];
  #revision: StoreRevision;
  #sequence: number;
  #writing = false;
  /** The write that the mirror has to show before the next one. */
  #awaited: { readonly revision: StoreRevision; readonly then: () => void } | undefined;
  #retryDelayMs = retryDelayMsMin;
  #ended = false;

  constructor(options: ManagerRunOptions, start: RunStart) {
    this.#options = options;
    this.#start = start;
    this.#revision = start.loaded.revision;
    this.#sequence = start.loaded.sequence;
    this.#office = new Office({ uidPrefix: start.uidPrefix });
  }

  get state(): ManagerState {
    return this.#office.manager;
  }

  get fleet(): FleetState {
    return this.#office.fleet;
  }

  begin(): void {
    const { engine, link, process, hearing } = this.#options;
    const loaded = this.#start.loaded.entries.map((entry) => this.#office.load(entry));
    const missed = (hearing.missed() ?? []).map((node) => ({ kind: "node-missed", node }) as const);
    this.collect(joinEvents([...loaded, ofManager(missed), officeLoaded]));
    if (this.#ended) return;
    this.feedOfStore = new WatchFeed({
      engine,
      link,
      process,
      revision: this.#revision,
      onBatch: (batch) => this.#onBatch(batch),
      onCompacted: this.#start.onDoubt,
    });
  }

  end(): void {
    this.#ended = true;
    this.feedOfStore?.end();
  }

  /** Takes events in: at once, or in the next round. */
  collect(events: OfficeEvents): void {
    this.#collected.push(events);
    if (this.#options.engine.plan.pace.roundMs === 0) this.decide(nothing);
  }

  /** What the core itself asked for is told at once, with what was collected only when there are no rounds. */
  feed(events: OfficeEvents): void {
    if (this.#options.engine.plan.pace.roundMs === 0) this.decide(events);
    else this.#step(events);
  }

  /** Tells the core what was collected, and `events` after it. */
  decide(events: OfficeEvents): void {
    const all = this.#collected.length === 0 ? events : joinEvents([...this.#collected, events]);
    this.#collected = [];
    this.#step(all);
  }

  /** The instant has come that one of the machines has asked for, or a round. */
  wake(): void {
    const events = this.#office.tick(instantMs(this.#nowMs()));
    if (this.#options.engine.plan.pace.roundMs === 0) this.feed(events);
    else this.decide(events);
  }

  #step(events: OfficeEvents): void {
    if (this.#ended || events.manager.length + events.fleet.length === 0) return;
    const { effects, wakeAtMs } = this.#office.step(events, instantMs(this.#nowMs()));
    for (const effect of effects) this.#queue.push(effect);
    const { wake } = this.#start;
    if (wakeAtMs === undefined || this.#options.engine.plan.pace.roundMs > 0) wake.clear();
    else wake.set(wakeAtMs);
    this.#write();
  }

  #nowMs(): number {
    return Math.round(this.#options.clock.nowMs);
  }

  #onBatch(batch: WatchBatch): void {
    const parts = batch.changes.map((change) => this.#office.apply(change));
    this.#revision = batch.revision;
    this.collect(joinEvents(parts));
    const awaited = this.#awaited;
    if (awaited !== undefined && awaited.revision <= batch.revision) {
      this.#awaited = undefined;
      awaited.then();
    }
  }

  #write(): void {
    while (!this.#writing && !this.#ended && this.#queue.length > 0) {
      const effects = this.#queue;
      const draft = draftOf(effects, {
        mirror: this.#office.mirror,
        fleet: this.#office.fleetMirror,
        createRevision: this.#options.createRevision,
        now: instantMs(this.#nowMs()),
        nextSequence: () => {
          this.#sequence += 1;
          return this.#sequence;
        },
      });
      if (draft.kind === "stale") {
        this.#start.onDoubt();
        return;
      }
      const effectCount = draft.kind === "write" ? draft.effectCount : 1;
      this.#queue = effects.slice(effectCount);
      if (draft.txn.then.length > 0) this.#commit(draft, effects.slice(0, effectCount));
    }
  }

  #commit(draft: Exclude<Draft, { kind: "stale" }>, effects: readonly OfficeEffect[]): void {
    this.#writing = true;
    this.#options.link.txn(draft.txn, (outcome) => {
      if (this.#ended) return;
      if (outcome.ok) this.#onOutcome(draft, effects, outcome.value);
      else if (outcome.error.kind === "refused") this.#commitLater(draft, effects);
      else this.#start.onDoubt();
    });
  }

  /** A store that cannot write now is asked again; nothing overtakes the write. */
  #commitLater(draft: Exclude<Draft, { kind: "stale" }>, effects: readonly OfficeEffect[]): void {
    const { clock, process, engine } = this.#options;
    const { schedule } = engine;
    this.#retryDelayMs = Math.min(this.#retryDelayMs * 2, retryDelayMsMax);
    schedule.at(clock.worldAt(clock.nowMs + this.#retryDelayMs), () =>
      process.enter(() => {
        if (!this.#ended) this.#commit(draft, effects);
      }),
    );
  }

  #onOutcome(
    draft: Exclude<Draft, { kind: "stale" }>,
    effects: readonly OfficeEffect[],
    outcome: TxnOutcome,
  ): void {
    this.#retryDelayMs = retryDelayMsMin;
    if (!outcome.succeeded && draft.kind !== "fence") {
      this.#start.onDoubt();
      return;
    }
    if (outcome.succeeded) {
      for (const effect of effects) tellDecision(this.#options.engine, effect);
    }
    const goOn = (): void => {
      this.#writing = false;
      if (draft.kind === "fence" && outcome.succeeded) {
        const { node, epoch } = draft.effect;
        this.feed(ofManager([{ kind: "node-fenced", node, epoch: epochOf(epoch + 1) }]));
      }
      this.#write();
    };
    // What is written next is conditional on what this write made: wait until the mirror shows it.
    if (this.#revision >= outcome.revision) goOn();
    else this.#awaited = { revision: outcome.revision, then: goOn };
  }
}

const nothing: OfficeEvents = { manager: [], fleet: [] };

function ofManager(manager: readonly ManagerEvent[]): OfficeEvents {
  return { manager, fleet: [] };
}
