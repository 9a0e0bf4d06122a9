/**
 * The store's newest revisions in memory, followed by one watch of etcd's for all readers of this process. Where a
 * reader begins earlier it reads from etcd until it gets here.
 */
import type { StoreError, StoreRevision, WatchBatch } from "../../../ports/store.ts";
import { batchBelow } from "../../shared/revision-window.ts";
import type { HistoryPiece, HistoryRequest } from "../../shared/store-backend.ts";
import { WatchHub } from "../../shared/watch-hub.ts";
import type { SizedBatch } from "../key-space.ts";
import type { WatchStream } from "./watch-stream.ts";

export interface LiveFeedOptions {
  readonly stream: WatchStream;
  /** The feed begins after it. */
  readonly afterRevision: StoreRevision;
  /** Revisions and bytes that are held for readers that are slower. */
  readonly revisionsMax: number;
  readonly bytesMax: number;
  /** It cannot go on; its readers have been told. */
  readonly onEnd: () => void;
}

export class LiveFeed {
  /** The readers. */
  readonly hub: WatchHub;
  readonly #options: LiveFeedOptions;
  readonly #cancel: () => void;
  #held: SizedBatch[] = [];
  #sizeBytes = 0;
  /** Everything after this revision is held. */
  #before: StoreRevision;
  #newest: StoreRevision;

  constructor(options: LiveFeedOptions) {
    this.#options = options;
    this.#before = options.afterRevision;
    this.#newest = options.afterRevision;
    this.hub = new WatchHub({
      revision: () => this.#newest,
      history: (request) => ({ ok: true, value: this.#history(request) }),
    });
    this.#cancel = options.stream.subscribe(options.afterRevision + 1, {
      onBatch: (batch) => this.#onBatch(batch),
      onProgress: (revision) => {
        this.#newest = revision;
      },
      onEnd: (error) => this.#onEnd(error),
    });
  }

  /** Whether everything after this revision is here. */
  covers(revision: StoreRevision): boolean {
    return revision >= this.#before;
  }

  /** Ends it, and the readers with this error. */
  end(error: StoreError): void {
    this.#cancel();
    this.hub.end(error);
  }

  #onBatch(sized: SizedBatch): void {
    this.#held.push(sized);
    this.#sizeBytes += sized.sizeBytes;
    this.#newest = sized.batch.revision;
    this.#trim();
    this.hub.moved();
  }

  /** What it has missed for being away too long, its readers read from etcd, which tells each whether it is there. */
  #onEnd(error: StoreError): void {
    this.#held = [];
    this.#before = Number.MAX_SAFE_INTEGER;
    this.#options.onEnd();
    this.hub.end(error);
  }

  #history(request: HistoryRequest): HistoryPiece | "compacted" {
    const { afterRevision, prefix } = request;
    if (!this.covers(afterRevision)) return "compacted";
    const batches: WatchBatch[] = [];
    for (const { batch } of this.#held.slice(this.#indexAfter(afterRevision))) {
      const below = batchBelow(batch, prefix);
      if (below !== undefined) batches.push(below);
    }
    return { batches, throughRevision: Math.max(this.#newest, afterRevision) };
  }

  /** Where the first batch after this revision is. */
  #indexAfter(revision: StoreRevision): number {
    let low = 0;
    let high = this.#held.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#held[middle]?.batch.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Some slack, as moving the rest to the front costs as much as the rest is long. */
  #trim(): void {
    const { revisionsMax, bytesMax } = this.#options;
    if (this.#held.length <= revisionsMax * 1.1 && this.#sizeBytes <= bytesMax) return;
    let dropped = 0;
    // The newest is kept whatever its size, so that a reader that keeps up is never cut off.
    while (dropped < this.#held.length - 1) {
      if (this.#held.length - dropped <= revisionsMax && this.#sizeBytes <= bytesMax) break;
      this.#sizeBytes -= this.#held[dropped]?.sizeBytes ?? 0;
      dropped += 1;
    }
    this.#before = this.#held[dropped - 1]?.batch.revision ?? this.#before;
    this.#held = this.#held.slice(dropped);
  }
}
