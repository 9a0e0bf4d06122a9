/**
 * The last revisions in memory, bounded in number and bytes. It is the whole history of the memory store, and
 * what watches that keep up read in the SQLite store.
 */
import { assert } from "../../core/assert.ts";
import type { StoreRevision, WatchBatch } from "../../ports/store.ts";
import {
  type HistoryPiece,
  type HistoryRequest,
  keyOfChange,
  type RevisionRecord,
} from "./store-backend.ts";

export interface RevisionWindowOptions {
  /** The window begins after this revision. */
  readonly afterRevision: StoreRevision;
  readonly revisionsMax: number;
  readonly bytesMax: number;
}

interface Held {
  readonly batch: WatchBatch;
  readonly sizeBytes: number;
}

export class RevisionWindow {
  readonly #options: RevisionWindowOptions;
  /** One batch a revision without gap: `#held[i]` is revision `#before + 1 + i`. */
  #held: Held[] = [];
  #before: StoreRevision;
  #sizeBytes = 0;

  constructor(options: RevisionWindowOptions) {
    this.#options = options;
    this.#before = options.afterRevision;
  }

  /** The last revision that is no longer held. */
  get compactedRevision(): StoreRevision {
    return this.#before;
  }

  /** Adds the next revision. */
  push(record: RevisionRecord): void {
    assert(
      record.revision === this.#before + this.#held.length + 1,
      "revisions follow each other without gap",
    );
    const changes = record.changes.map((staged) => staged.change);
    const batch = { revision: record.revision, changes };
    this.#held.push({ batch, sizeBytes: record.sizeBytes });
    this.#sizeBytes += record.sizeBytes;
    this.#trim();
  }

  /** The batches below a prefix; `compacted` if the window begins later. */
  read(request: HistoryRequest): HistoryPiece | "compacted" {
    const start = request.afterRevision - this.#before;
    if (start < 0) return "compacted";
    const batches: WatchBatch[] = [];
    for (let index = start; index < this.#held.length; index++) {
      const batch = this.#held[index]?.batch;
      const below = batch === undefined ? undefined : batchBelow(batch, request.prefix);
      if (below !== undefined) batches.push(below);
    }
    const last = this.#before + this.#held.length;
    return { batches, throughRevision: Math.max(last, request.afterRevision) };
  }

  #trim(): void {
    const { revisionsMax, bytesMax } = this.#options;
    // Some slack, as moving the rest to the front costs as much as the rest is long.
    if (this.#held.length <= revisionsMax * 1.1 && this.#sizeBytes <= bytesMax) return;
    let dropped = 0;
    // The newest is kept whatever its size, so that a watch that keeps up is never cut off.
    while (dropped < this.#held.length - 1) {
      if (this.#held.length - dropped <= revisionsMax && this.#sizeBytes <= bytesMax) break;
      this.#sizeBytes -= this.#held[dropped]?.sizeBytes ?? 0;
      dropped += 1;
    }
    this.#held = this.#held.slice(dropped);
    this.#before += dropped;
  }
}

/** The part of a batch below a prefix, or undefined if there is none. */
export function batchBelow(batch: WatchBatch, prefix: string): WatchBatch | undefined {
  if (prefix === "") return batch;
  const changes = batch.changes.filter((change) => keyOfChange(change).startsWith(prefix));
  return changes.length === 0 ? undefined : { revision: batch.revision, changes };
}
