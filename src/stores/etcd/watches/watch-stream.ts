/**
 * Carries any number of watches over one stream of etcd's. When the stream ends, the member is silent or another one is
 * spoken to, each watch is resumed there after the last revision that it was told of: nothing is lost or told twice.
 */
import type { ClientDuplexStream } from "@grpc/grpc-js";
import type { Clock } from "../../../ports/clock.ts";
import type { StoreError, StoreRevision } from "../../../ports/store.ts";
import { compacted } from "../../shared/store-error.ts";
import { heartbeatMs, retryPauseMs, silenceMsMax } from "../client/client-limits.ts";
import type { Connection } from "../client/connection.ts";
import type { Endpoints } from "../client/endpoints.ts";
import type { WatchEvent, WatchRequest, WatchResponse } from "../client/messages.ts";
import { watch } from "../client/methods.ts";
import { historyLost, type KeySpace, type SizedBatch } from "../key-space.ts";

export interface WatchStreamOptions {
  readonly endpoints: Endpoints;
  readonly clock: Clock;
  readonly keys: KeySpace;
  /** The term of each answer, before anybody is told of what it says. */
  readonly onTerm?: ((raftTerm: number) => void) | undefined;
}

/** Who is told. Everything below the store's prefix is told to everyone; it is theirs to choose. */
export interface Listener {
  /** In order, without gap. */
  onBatch(batch: SizedBatch): void;
  /** Nothing has happened up to and with this revision that was not told. */
  onProgress?(revision: StoreRevision): void;
  /** It cannot go on; nothing is told any more. */
  onEnd(error: StoreError): void;
}

interface Subscription {
  readonly id: number;
  readonly listener: Listener;
  /** The first revision that was not told. */
  next: StoreRevision;
  /** Parts of an answer that is not complete. */
  pending: WatchEvent[];
}

interface Link {
  readonly connection: Connection;
  readonly stream: ClientDuplexStream<WatchRequest, WatchResponse>;
  heardAtMs: number;
}

const reconnectMsMax = 500;

export class WatchStream {
  readonly #options: WatchStreamOptions;
  readonly #subscriptions = new Map<number, Subscription>();
  readonly #stopListening: () => void;
  #lastId = 0;
  #link: Link | undefined;
  #pauseMs = 0;
  #cancelReconnect: (() => void) | undefined;
  #cancelHeartbeat: (() => void) | undefined;
  #isClosed = false;

  constructor(options: WatchStreamOptions) {
    this.#options = options;
    this.#stopListening = options.endpoints.onMoved(() => this.#dropLink());
  }

  /** Tells the listener of all changes from this revision on, until the returned function is called. */
  subscribe(fromRevision: StoreRevision, listener: Listener): () => void {
    this.#lastId += 1;
    const id = this.#lastId;
    const subscription: Subscription = { id, listener, next: fromRevision, pending: [] };
    this.#subscriptions.set(id, subscription);
    if (this.#link === undefined) this.#reconnectSoon();
    else this.#create(this.#link, subscription);
    return () => {
      if (!this.#subscriptions.delete(id)) return;
      this.#link?.stream.write({ cancelRequest: { watchId: id } });
    };
  }

  /** Ends the stream, and tells nobody anything any more. */
  close(): void {
    this.#isClosed = true;
    this.#stopListening();
    this.#subscriptions.clear();
    this.#cancelReconnect?.();
    this.#dropLink();
  }

  #reconnectSoon(): void {
    if (this.#isClosed || this.#cancelReconnect !== undefined) return;
    this.#cancelReconnect = this.#options.clock.after(this.#pauseMs, () => {
      this.#cancelReconnect = undefined;
      if (this.#link === undefined && this.#subscriptions.size > 0) this.#connect();
    });
    this.#pauseMs = Math.min(reconnectMsMax, this.#pauseMs * 2 + retryPauseMs);
  }

  #connect(): void {
    const { endpoints, clock } = this.#options;
    const connection = endpoints.current();
    const stream = connection.duplex(watch);
    const link: Link = { connection, stream, heardAtMs: clock.monotonicMs() };
    this.#link = link;
    stream.on("data", (response: WatchResponse) => this.#onResponse(link, response));
    stream.on("error", (error) => this.#onLost(link, error.message));
    stream.on("end", () => this.#onLost(link, "etcd has ended the watch"));
    for (const subscription of this.#subscriptions.values()) this.#create(link, subscription);
    this.#armHeartbeat(link);
  }

  /** Asks from one revision earlier: etcd 3.4 forgets deletions in the very revision that it is compacted at. */
  #create(link: Link, subscription: Subscription): void {
    const { keys } = this.#options;
    const { id, next } = subscription;
    subscription.pending = [];
    const first = keys.toEtcd(next);
    if (first <= 0 && keys.toEtcd(0) < 0) {
      this.#end(subscription, compacted(next));
      return;
    }
    const startRevision = Math.max(1, first - 1);
    const more = { progressNotify: true, prevKv: true, watchId: id, fragment: true };
    link.stream.write({ createRequest: { ...keys.rangeOf(""), startRevision, ...more } });
  }

  #onResponse(link: Link, response: WatchResponse): void {
    if (this.#link !== link) return;
    link.heardAtMs = this.#options.clock.monotonicMs();
    this.#pauseMs = 0;
    if (response.header !== null) this.#options.onTerm?.(Number(response.header.raftTerm));
    const subscription = this.#subscriptions.get(Number(response.watchId));
    if (subscription === undefined) return;
    if (response.canceled) {
      this.#onCancelled(link, subscription, response);
      return;
    }
    for (const event of response.events) subscription.pending.push(event);
    if (response.fragment) return;
    if (subscription.pending.length > 0) this.#tell(subscription);
    else if (!response.created) this.#progress(subscription, response);
  }

  #tell(subscription: Subscription): void {
    const { keys } = this.#options;
    const batches = keys.batchesOf(subscription.pending, subscription.next);
    subscription.pending = [];
    if (!batches.ok) {
      const isLost = batches.error === historyLost;
      const message = batches.error;
      const refusal: StoreError = { kind: "refused", message, mayHaveTakenEffect: false };
      this.#end(subscription, isLost ? compacted(subscription.next) : refusal);
      return;
    }
    for (const sized of batches.value) {
      // A listener may end its watch in the middle.
      if (!this.#subscriptions.has(subscription.id)) return;
      subscription.next = sized.batch.revision + 1;
      subscription.listener.onBatch(sized);
    }
  }

  /** etcd's own word about one watch, in its order; what it says when it is asked may overtake events. */
  #progress(subscription: Subscription, response: WatchResponse): void {
    const revision = this.#options.keys.revisionIn(response.header);
    if (revision < subscription.next) return;
    subscription.next = revision + 1;
    subscription.listener.onProgress?.(revision);
  }

  #onCancelled(link: Link, subscription: Subscription, response: WatchResponse): void {
    if (response.compactRevision !== "0") this.#end(subscription, compacted(subscription.next));
    else this.#onLost(link, `etcd has ended a watch: ${response.cancelReason}`);
  }

  #end(subscription: Subscription, error: StoreError): void {
    this.#subscriptions.delete(subscription.id);
    subscription.listener.onEnd(error);
  }

  #armHeartbeat(link: Link): void {
    const { clock } = this.#options;
    this.#cancelHeartbeat = clock.after(heartbeatMs, () => {
      if (clock.monotonicMs() - link.heardAtMs > silenceMsMax) {
        this.#onLost(link, `${link.connection.url}: its watch is silent`);
        return;
      }
      link.stream.write({ progressRequest: {} });
      this.#armHeartbeat(link);
    });
  }

  #onLost(link: Link, why: string): void {
    if (this.#link !== link) return;
    this.#dropLink();
    this.#options.endpoints.failed(link.connection, why);
  }

  #dropLink(): void {
    const link = this.#link;
    this.#link = undefined;
    this.#cancelHeartbeat?.();
    link?.stream.cancel();
    if (link !== undefined) this.#reconnectSoon();
  }
}
