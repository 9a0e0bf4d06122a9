/** All watches of a store: readers of the newest revisions share one feed, others read history until they reach it. */
import { err, ok, type Result } from "../../../core/result.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { StoreError, StoreRevision, WatchBatch, WatchOptions } from "../../../ports/store.ts";
import { batchBelow } from "../../shared/revision-window.ts";
import { closed } from "../../shared/store-error.ts";
import { pause } from "../client/attempts.ts";
import { retryPauseMs } from "../client/client-limits.ts";
import type { Endpoints } from "../client/endpoints.ts";
import type { KeySpace } from "../key-space.ts";
import { catchUp } from "./catch-up.ts";
import { LiveFeed } from "./live-feed.ts";
import { WatchStream } from "./watch-stream.ts";

export interface EtcdWatchesOptions {
  readonly endpoints: Endpoints;
  readonly clock: Clock;
  readonly keys: KeySpace;
  /** The store's revision by a linearizable read. */
  readonly revision: () => Promise<Result<StoreRevision, StoreError>>;
  /** Revisions and bytes that are held in memory for readers. */
  readonly revisionsMax: number;
  readonly bytesMax: number;
  /** The term of each answer, before anybody is told of what it says. */
  readonly onTerm?: ((raftTerm: number) => void) | undefined;
}

type Answer = Result<WatchBatch, StoreError>;

const closedError = closed("the store is closed");

export class EtcdWatches {
  readonly #options: EtcdWatchesOptions;
  readonly #stream: WatchStream;
  readonly #closing = new AbortController();
  #feed: Promise<LiveFeed | undefined> | undefined;

  constructor(options: EtcdWatchesOptions) {
    this.#options = options;
    this.#stream = new WatchStream(options);
  }

  /** See the port: `Store.watch`. */
  async *watch(prefix: string, options: WatchOptions): AsyncGenerator<Answer, void, undefined> {
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    let through = options.fromRevision - 1;
    while (!signal.aborted) {
      const feed = await this.#liveFeed(signal);
      if (feed === undefined) break;
      for await (const answer of this.#stage(feed, { prefix, through, signal })) {
        if (answer.ok) {
          through = answer.value.revision;
          const below = batchBelow(answer.value, prefix);
          if (below !== undefined) yield ok(below);
        } else if (answer.error === fellBehind) {
          break;
        } else {
          yield answer;
          return;
        }
        if (signal.aborted) break;
      }
    }
    if (!options.signal.aborted) yield err(closedError);
  }

  /** Ends all watches with `closed`. */
  close(): void {
    this.#closing.abort();
    this.#stream.close();
  }

  /** From the feed if that reaches back far enough, else from history until the feed does. */
  async *#stage(
    feed: LiveFeed,
    place: {
      readonly prefix: string;
      readonly through: StoreRevision;
      readonly signal: AbortSignal;
    },
  ): AsyncGenerator<Answer, void, undefined> {
    const { prefix, through, signal } = place;
    const { revisionsMax, bytesMax } = this.#options;
    const fromRevision = through + 1;
    if (feed.covers(through)) {
      for await (const answer of feed.hub.watch(prefix, { fromRevision, signal })) {
        // The feed's beginning is not that of the history: what it no longer has is read from etcd.
        yield answer.ok || answer.error.kind !== "compacted" ? answer : err(fellBehind);
      }
      return;
    }
    const stream = this.#stream;
    for await (const answer of catchUp({ stream, fromRevision, signal, revisionsMax, bytesMax })) {
      yield answer;
      if (answer.ok && feed.covers(answer.value.revision)) return;
    }
  }

  /** The feed, begun when the first reader comes. Undefined: the signal came first. */
  #liveFeed(signal: AbortSignal): Promise<LiveFeed | undefined> {
    this.#feed ??= this.#begin();
    return new Promise((resolve) => {
      const stop = (): void => resolve(undefined);
      if (signal.aborted) stop();
      signal.addEventListener("abort", stop, { once: true });
      void this.#feed?.then((feed) => {
        signal.removeEventListener("abort", stop);
        resolve(feed);
      });
    });
  }

  async #begin(): Promise<LiveFeed | undefined> {
    const { revision, clock, revisionsMax, bytesMax } = this.#options;
    while (!this.#closing.signal.aborted) {
      const now = await revision();
      if (!now.ok) {
        await pause(clock, retryPauseMs);
        continue;
      }
      const onEnd = (): void => {
        this.#feed = undefined;
      };
      const stream = this.#stream;
      return new LiveFeed({ stream, afterRevision: now.value, revisionsMax, bytesMax, onEnd });
    }
    return undefined;
  }
}

const fellBehind: StoreError = {
  kind: "compacted",
  message: "the reader has fallen behind the feed",
  mayHaveTakenEffect: false,
};
