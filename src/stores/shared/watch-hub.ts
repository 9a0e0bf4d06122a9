/**
 * All running watches. A watch has no queue of its own: it is a place in the history, and reads on from there
 * when it is told that something matches. So replay and live changes join by themselves, and a reader that is
 * slower than the history is long gets `compacted`.
 */
import { err, ok, type Result } from "../../core/result.ts";
import type { StoreError, StoreRevision, WatchBatch, WatchOptions } from "../../ports/store.ts";
import { watchesMax } from "./limits.ts";
import type { HistoryPiece, HistoryRequest } from "./store-backend.ts";
import { compacted, refused } from "./store-error.ts";

export interface WatchHubOptions {
  readonly revision: () => StoreRevision;
  readonly history: (request: HistoryRequest) => Result<HistoryPiece | "compacted", StoreError>;
}

interface Watcher {
  readonly prefix: string;
  /** The last revision that it has seen, or that does not concern it. */
  through: StoreRevision;
  /** Set while it waits. */
  wake: (() => void) | undefined;
}

export class WatchHub {
  readonly #options: WatchHubOptions;
  readonly #watchers = new Set<Watcher>();
  #end: StoreError | undefined;

  constructor(options: WatchHubOptions) {
    this.#options = options;
  }

  /** Ends all watches with this error, now and from now on. */
  end(error: StoreError): void {
    this.#end = error;
    for (const watcher of this.#watchers) watcher.wake?.();
  }

  /** Tells the watches that the store has moved on. */
  moved(): void {
    const revision = this.#options.revision();
    for (const watcher of this.#watchers) {
      if (watcher.wake === undefined || watcher.through >= revision) continue;
      if (this.#concerns(watcher)) watcher.wake();
      else watcher.through = revision;
    }
  }

  async *watch(
    prefix: string,
    options: WatchOptions,
  ): AsyncGenerator<Result<WatchBatch, StoreError>, void, undefined> {
    if (this.#watchers.size >= watchesMax) {
      yield err(refused(`there are ${watchesMax} watches already`));
      return;
    }
    const through = Math.max(0, options.fromRevision - 1);
    const watcher: Watcher = { prefix, through, wake: undefined };
    this.#watchers.add(watcher);
    try {
      yield* this.#follow(watcher, options.signal);
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  async *#follow(
    watcher: Watcher,
    signal: AbortSignal,
  ): AsyncGenerator<Result<WatchBatch, StoreError>, void, undefined> {
    while (!signal.aborted) {
      const piece = this.#read(watcher);
      if (!piece.ok) {
        yield piece;
        return;
      }
      for (const batch of piece.value.batches) {
        if (signal.aborted) return;
        yield ok(batch);
      }
      watcher.through = piece.value.throughRevision;
      if (watcher.through >= this.#options.revision()) await this.#wait(watcher, signal);
    }
  }

  #read(watcher: Watcher): Result<HistoryPiece, StoreError> {
    if (this.#end !== undefined) return err(this.#end);
    const { prefix, through } = watcher;
    const piece = this.#options.history({ prefix, afterRevision: through });
    if (!piece.ok) return piece;
    return piece.value === "compacted" ? err(compacted(through + 1)) : ok(piece.value);
  }

  /** Until something matches, the hub ends, or the signal comes. */
  async #wait(watcher: Watcher, signal: AbortSignal): Promise<void> {
    if (this.#end !== undefined || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    watcher.wake = wake;
    signal.addEventListener("abort", wake, { once: true });
    try {
      await promise;
    } finally {
      watcher.wake = undefined;
      signal.removeEventListener("abort", wake);
    }
  }

  #concerns(watcher: Watcher): boolean {
    const piece = this.#read(watcher);
    return !piece.ok || piece.value.batches.length > 0;
  }
}
