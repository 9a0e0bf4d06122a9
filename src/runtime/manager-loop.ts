/**
 * Drives the core machines of the manager's office for one time of office: loads what there is, tells the core what changes, writes what
 * it decides, strictly in order. Whatever goes wrong with a write, the memory is thrown away and loaded anew.
 */

import { epochOf } from "../core/ids.ts";
import type { ManagerEvent } from "../core/manager/event.ts";
import { err } from "../core/result.ts";
import { type InstantMs, instantMs } from "../core/time.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Store, StoreRevision, Txn, TxnOutcome } from "../ports/store.ts";
import type { Term } from "./election.ts";
import { eventOperations, eventsKeptMax } from "./event-operations.ts";
import { LeaseEndings } from "./lease-endings.ts";
import { type ManagerDesk, outcomeOf, type PendingOrder } from "./manager-desk.ts";
import { type Draft, draftOf, election, type OfficeEffect } from "./manager-draft.ts";
import { createPulse, pause } from "./manager-pulse.ts";
import { findLastSequence } from "./manager-sequence.ts";
import { openSnapshot, type Snapshot } from "./manager-snapshot.ts";
import { joinEvents, Office, type OfficeEvents, officeLoaded, officePrefixes } from "./office.ts";

const retryDelayMsMin = 20;
const retryDelayMsMax = 2_000;
/** Others have to wait for so long at most while everything is loaded. */
const loadForMsMax = 20;
/** Longest single timer; a later wake-up is set again when it is over. */
const timerMsMax = 3_600_000;

export interface ManagerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly term: Term;
  /** What the manager's server writes beside. */
  readonly desk?: ManagerDesk | undefined;
}

/** Why one run ended. */
type RunEnd = "office-lost" | "reload";

/** Is manager until the term's signal aborts. Rejects only for a bug. */
export async function runManager(options: ManagerOptions): Promise<void> {
  const { term, clock } = options;
  let delayMs = retryDelayMsMin;
  for (let run = 1; !term.signal.aborted; run += 1) {
    const startedAtMs = clock.monotonicMs();
    const end = await runOnce(options, `${term.createRevision}.${run}`);
    if (end === "office-lost") return;
    const lastedMs = clock.monotonicMs() - startedAtMs;
    delayMs = lastedMs > retryDelayMsMax ? retryDelayMsMin : Math.min(delayMs * 2, retryDelayMsMax);
    await pause(clock, delayMs, term.signal);
  }
}

async function runOnce(options: ManagerOptions, uidPrefix: string): Promise<RunEnd> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.term.signal, stop.signal]);
  try {
    const snapshot = await openSnapshot(options.store, officePrefixes, signal);
    const sequence = await findLastSequence(options.store, eventsKeptMax);
    if (!snapshot.ok || !sequence.ok) {
      const error = snapshot.ok ? sequence : snapshot;
      if (!error.ok) options.log.write("warn", `cannot load: ${error.error.message}`);
      return options.term.signal.aborted ? "office-lost" : "reload";
    }
    const run = new ManagerRun(options, { uidPrefix, sequence: sequence.value, signal, stop });
    await run.work(snapshot.value);
    return options.term.signal.aborted ? "office-lost" : "reload";
  } finally {
    stop.abort();
  }
}

interface RunStart {
  readonly uidPrefix: string;
  readonly sequence: number;
  readonly signal: AbortSignal;
  readonly stop: AbortController;
}

/** One load of the store and all that follows until something makes it doubtful. */
class ManagerRun {
  readonly #options: ManagerOptions;
  readonly #signal: AbortSignal;
  readonly #stop: AbortController;
  readonly #office: Office;
  readonly #changed = createPulse();
  readonly #endings: LeaseEndings;
  readonly #wallAnchorMs: number;
  #queue: OfficeEffect[] = [];
  #revision: StoreRevision = 0;
  #sequence: number;
  #cancelTimer: () => void = () => {};
  #fault: Error | undefined;

  constructor(options: ManagerOptions, start: RunStart) {
    this.#options = options;
    this.#signal = start.signal;
    this.#stop = start.stop;
    this.#sequence = start.sequence;
    this.#office = new Office({ uidPrefix: start.uidPrefix });
    this.#wallAnchorMs = options.clock.wallMs() - options.clock.monotonicMs();
    options.desk?.onOrder(() => this.#changed.ring());
    this.#endings = new LeaseEndings({
      ...options,
      onEnded: (event) => {
        try {
          this.#feed(ofManager([event]));
        } catch (error: unknown) {
          this.#fail(error);
        }
      },
    });
  }

  async work(snapshot: Snapshot): Promise<void> {
    this.#revision = snapshot.revision;
    try {
      await this.#load(snapshot);
      this.#feed(ofManager(this.#endings.missed(snapshot.entries)));
      this.#feed(officeLoaded);
      await Promise.all([this.#guarded(this.#read(snapshot)), this.#guarded(this.#write())]);
    } finally {
      this.#cancelTimer();
      this.#endings.close();
    }
    if (this.#fault !== undefined) throw this.#fault;
  }

  /** With rests: a hundred thousand services take seconds, in which the office has to be renewed and others answered. */
  async #load({ entries }: Snapshot): Promise<void> {
    const { clock } = this.#options;
    let restedAtMs = clock.monotonicMs();
    for (const entry of entries.values()) {
      this.#feed(this.#office.load(entry));
      if (clock.monotonicMs() - restedAtMs < loadForMsMax) continue;
      await pause(clock, 0, this.#signal);
      restedAtMs = clock.monotonicMs();
    }
  }

  /** The wall clock as it was at the start, going on at the monotonic clock's pace: it never jumps. */
  #now(): InstantMs {
    return instantMs(Math.round(this.#wallAnchorMs + this.#options.clock.monotonicMs()));
  }

  /** When one task ends, for whatever reason, the other ends too. */
  async #guarded(task: Promise<void>): Promise<void> {
    try {
      await task;
    } catch (error: unknown) {
      this.#fail(error);
    } finally {
      this.#stop.abort();
    }
  }

  #fail(error: unknown): void {
    this.#fault ??= error instanceof Error ? error : new Error(String(error));
    this.#stop.abort();
  }

  #feed(events: OfficeEvents): void {
    if (this.#signal.aborted || events.manager.length + events.fleet.length === 0) return;
    const { effects, wakeAtMs } = this.#office.step(events, this.#now());
    for (const effect of effects) this.#queue.push(effect);
    this.#setTimer(wakeAtMs);
    if (this.#queue.length > 0) this.#changed.ring();
  }

  #setTimer(wakeAtMs: InstantMs | undefined): void {
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    if (wakeAtMs === undefined) return;
    const delayMs = Math.min(Math.max(0, wakeAtMs - this.#now()), timerMsMax);
    this.#cancelTimer = this.#options.clock.after(delayMs, () => {
      try {
        this.#feed(this.#office.tick(this.#now()));
      } catch (error: unknown) {
        this.#fail(error);
      }
    });
  }

  async #read(snapshot: Snapshot): Promise<void> {
    for (;;) {
      const next = await snapshot.changes.next();
      if (next.done === true || this.#signal.aborted) return;
      if (!next.value.ok) {
        this.#options.log.write("warn", `the manager's watch ended: ${next.value.error.message}`);
        return;
      }
      const { changes, revision } = next.value.value;
      const parts = changes.map((change) => {
        const { manager, fleet } = this.#office.apply(change);
        return { manager: this.#endings.pass(change, manager), fleet };
      });
      this.#revision = revision;
      this.#feed(joinEvents(parts));
      this.#changed.ring();
    }
  }

  async #write(): Promise<void> {
    while (!this.#signal.aborted) {
      const order = this.#options.desk?.take();
      if (order !== undefined) {
        if (!(await this.#carryOut(order))) return;
        continue;
      }
      if (this.#queue.length === 0) {
        await this.#changed.next(this.#signal);
        continue;
      }
      const draft = this.#draft();
      if (draft.kind === "stale") {
        this.#options.log.write("debug", `decides anew: ${draft.because}`);
        return;
      }
      if (draft.txn.then.length === 0) continue;
      const outcome = await this.#commit(draft);
      if (outcome === undefined) return;
      await this.#untilShown(outcome.revision);
      if (draft.kind === "fence" && outcome.succeeded) {
        const { node, epoch } = draft.effect;
        this.#feed(ofManager([{ kind: "node-fenced", node, epoch: epochOf(epoch + 1) }]));
      }
    }
  }

  /** What is written next is conditional on what this write made: wait until the mirror shows it. */
  async #untilShown(revision: StoreRevision): Promise<void> {
    while (this.#revision < revision && !this.#signal.aborted) {
      await this.#changed.next(this.#signal);
    }
  }

  /** Writes an order of the desk; false: nobody knows whether it was written. */
  async #carryOut(order: PendingOrder): Promise<boolean> {
    const place = { sequence: this.#sequence + 1, now: this.#now() };
    const outcome = await this.#txnWithPatience({
      compare: [election(this.#options.term.createRevision), ...order.compare],
      then: [
        ...order.operations,
        ...(order.event === undefined ? [] : eventOperations(order.event, place)),
      ],
    });
    if (outcome === undefined) {
      order.settle(err("the manager could not write"));
      return false;
    }
    if (outcome.succeeded) {
      if (order.event !== undefined) this.#sequence += 1;
      await this.#untilShown(outcome.revision);
    }
    order.settle(outcomeOf(outcome.succeeded));
    return true;
  }

  #draft(): Draft {
    const draft = draftOf(this.#queue, {
      mirror: this.#office.mirror,
      fleet: this.#office.fleetMirror,
      createRevision: this.#options.term.createRevision,
      now: this.#now(),
      nextSequence: () => {
        this.#sequence += 1;
        return this.#sequence;
      },
    });
    if (draft.kind === "write") this.#queue = this.#queue.slice(draft.effectCount);
    if (draft.kind === "fence") this.#queue = this.#queue.slice(1);
    return draft;
  }

  /** What became of the write; undefined: the manager's memory is wrong, or nobody knows. */
  async #commit(draft: Exclude<Draft, { kind: "stale" }>): Promise<TxnOutcome | undefined> {
    const { log } = this.#options;
    const outcome = await this.#txnWithPatience(draft.txn);
    if (outcome === undefined || outcome.succeeded) return outcome;
    if (draft.kind === "fence") {
      log.write("debug", `node ${draft.effect.node} is not fenced: it came back first`);
      return outcome;
    }
    log.write("debug", "decides anew: the store has changed under a decision");
    return undefined;
  }

  /** A store that cannot write now (its disk is full) is asked again; nothing overtakes the write. */
  async #txnWithPatience(txn: Txn): Promise<TxnOutcome | undefined> {
    const { store, clock, log } = this.#options;
    let delayMs = retryDelayMsMin;
    while (!this.#signal.aborted) {
      const outcome = await store.txn(txn);
      if (outcome.ok) return outcome.value;
      log.write("warn", `the manager cannot write: ${outcome.error.message}`);
      if (outcome.error.kind !== "refused") return undefined;
      delayMs = Math.min(delayMs * 2, retryDelayMsMax);
      await pause(clock, delayMs, this.#signal);
    }
    return undefined;
  }
}

function ofManager(manager: readonly ManagerEvent[]): OfficeEvents {
  return { manager, fleet: [] };
}
