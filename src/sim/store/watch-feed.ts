/** What a server hears of the store's changes: all of them, in order, late when it cannot reach the store. */
import type { StoreRevision, WatchBatch } from "../../ports/store.ts";
import type { Engine } from "../engine/engine.ts";
import type { Process } from "../engine/process.ts";
import type { StoreLink } from "./store-link.ts";

export interface WatchFeedOptions {
  readonly engine: Engine;
  readonly link: StoreLink;
  readonly process: Process;
  /** What is known already. */
  readonly revision: StoreRevision;
  readonly onBatch: (batch: WatchBatch) => void;
  /** The changes that are missing are no longer kept: all has to be read anew. Nothing comes after it. */
  readonly onCompacted: () => void;
}

/** One server's watch of the whole store. It ends with its process. */
export class WatchFeed {
  readonly #options: WatchFeedOptions;
  #revision: StoreRevision;
  #planned = false;
  #ended = false;

  constructor(options: WatchFeedOptions) {
    this.#options = options;
    this.#revision = options.revision;
    this.look();
  }

  /** The revision up to which everything was told. */
  get revision(): StoreRevision {
    return this.#revision;
  }

  end(): void {
    this.#ended = true;
  }

  /** Something has changed: in the store, or on the way to it. */
  look(): void {
    const { engine, link, process } = this.#options;
    if (this.#planned || this.#ended || !process.isAlive) return;
    if (engine.store.revision === this.#revision || !link.isReachable) return;
    this.#planned = true;
    const { schedule } = engine;
    const deliver = (): void => process.enter(() => this.#deliver());
    schedule.at(schedule.nowMs + link.answerMs(), deliver);
  }

  #deliver(): void {
    this.#planned = false;
    const { engine, link } = this.#options;
    if (this.#ended || !link.isReachable) return;
    const batches = engine.store.changesAfter(this.#revision);
    if (batches === undefined) {
      this.#ended = true;
      this.#options.onCompacted();
      return;
    }
    for (const batch of batches) {
      this.#revision = batch.revision;
      this.#options.onBatch(batch);
      if (this.#ended || !this.#options.process.isAlive) return;
    }
  }
}
