/**
 * Which member is spoken to. All calls go to one until it fails, then to whichever serves; the first of the list, the
 * local member, is taken again when it has recovered. Watches and renewals move with it.
 */
import type { Clock } from "../../../ports/clock.ts";
import type { Log } from "../../../ports/log.ts";
import { heartbeatAnswerMs, heartbeatMs, patienceMsMax, returnAfterMs } from "./client-limits.ts";
import { Connection } from "./connection.ts";
import { linearizableRead } from "./linearizable-read.ts";
import { type Search, searchMember } from "./search.ts";
import type { TlsMaterial } from "./tls.ts";

export interface EndpointsOptions {
  /** Not empty; the first is preferred. */
  readonly endpoints: readonly string[];
  readonly tls: TlsMaterial;
  readonly clock: Clock;
  readonly log: Log;
}

export class Endpoints {
  readonly #options: EndpointsOptions;
  readonly #listeners = new Set<() => void>();
  #urls: readonly string[];
  #index = 0;
  #current: Connection | undefined;
  #preferred: Connection | undefined;
  #search: Search | undefined;
  #lastReason: string | undefined;
  #movedAtMs = 0;
  #patienceMs = 0;
  #cancelHeartbeat: () => void = () => undefined;
  #isClosed = false;

  constructor(options: EndpointsOptions) {
    this.#options = options;
    this.#urls = options.endpoints;
    this.#armHeartbeat();
  }

  /** The connection to use now. */
  current(): Connection {
    if (this.#current === undefined || this.#current.isRetired) {
      this.#current = this.#connect(this.#urls[this.#index] ?? "");
    }
    return this.#current;
  }

  /** Waits for a member that serves, while one is looked for; the value says why there is none so soon. */
  async usable(withinMs: number): Promise<string | undefined> {
    if (this.#search === undefined) return undefined;
    let isLate = false;
    const late = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(Math.max(0, withinMs), () => {
      isLate = true;
      late.resolve();
    });
    // Other addresses begin another search.
    while (this.#search !== undefined && !isLate) {
      await Promise.race([this.#search.found, late.promise]);
    }
    cancel();
    return isLate ? (this.#lastReason ?? "no member of etcd serves") : undefined;
  }

  /** An answer may take so long now: every member is slow. 0 while they are not. */
  get patienceMs(): number {
    return this.#patienceMs;
  }

  /** Looks for a member that serves, unless that goes on already. It may be this one again. */
  failed(connection: Connection, why: string): void {
    if (this.#isClosed || connection !== this.#current) return;
    this.#lastReason = why;
    if (this.#search === undefined) this.#look(connection);
  }

  /** Calls back after each move to another connection; the returned function ends that. */
  onMoved(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Other addresses; the one in use stays in use if it is among them. */
  set(urls: readonly string[]): void {
    const used = this.#urls[this.#index];
    this.#urls = urls;
    const index = used === undefined ? -1 : urls.indexOf(used);
    if (index >= 0) this.#index = index;
    else this.#moveTo(0, undefined);
    if (this.#search !== undefined && !this.#isClosed) this.#look(this.current());
  }

  /** Ends all connections. Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#cancelHeartbeat();
    this.#search?.end();
    this.#search = undefined;
    this.#current?.close();
    this.#preferred?.close();
    this.#listeners.clear();
  }

  #connect(url: string): Connection {
    const { tls, clock } = this.#options;
    const connection = new Connection({ url, tls: tls.values(), clock });
    if (this.#isClosed) connection.close();
    return connection;
  }

  #look(used: Connection): void {
    this.#search?.end();
    const { clock, log } = this.#options;
    const { url } = used;
    log.write("debug", "looks for an etcd member that serves", { url, why: this.#lastReason });
    const connect = (target: string): Connection => this.#connect(target);
    const search = searchMember({ urls: this.#urls, used, connect, clock });
    const beganAtMs = clock.monotonicMs();
    this.#search = search;
    // Before those who wait for it go on.
    void search.found.then((found) => {
      if (this.#search !== search) {
        if (found?.connection !== this.#current) found?.connection.close();
        return;
      }
      this.#search = undefined;
      if (found !== undefined) this.#noteAnswer(clock.monotonicMs() - beganAtMs);
      if (found === undefined || found.connection === this.#current) return;
      log.write("debug", "goes to another etcd member", { from: url, to: found.url });
      this.#moveTo(this.#urls.indexOf(found.url), found.connection);
    });
  }

  /**
   * If even the first of all answers is late, it is not for the member that was asked: leaving it would help nobody. Behind
   * a slow disk a read between two flushes is quick all the same: one such answer does not end the patience.
   */
  #noteAnswer(tookMs: number): void {
    const left = this.#patienceMs / 2 > heartbeatAnswerMs ? this.#patienceMs / 2 : 0;
    const wanted = tookMs > heartbeatAnswerMs ? Math.min(tookMs * 2, patienceMsMax) : 0;
    this.#patienceMs = Math.max(wanted, left);
  }

  #moveTo(index: number, connection: Connection | undefined): void {
    const left = this.#current;
    this.#index = index;
    this.#current = connection;
    this.#movedAtMs = this.#options.clock.monotonicMs();
    left?.retire();
    for (const listener of [...this.#listeners]) listener();
  }

  #armHeartbeat(): void {
    this.#cancelHeartbeat = this.#options.clock.after(heartbeatMs, () => void this.#beat());
  }

  /** A member that is frozen or cut off is left even while nobody else asks it anything. */
  async #beat(): Promise<void> {
    if (this.#search === undefined) {
      const connection = this.current();
      const { clock } = this.#options;
      const askedAtMs = clock.monotonicMs();
      const limitMs = Math.max(heartbeatAnswerMs, this.#patienceMs);
      const read = linearizableRead(connection, limitMs).then((answer) => {
        return { answer, tookMs: clock.monotonicMs() - askedAtMs };
      });
      if (this.#index !== 0) await this.#tryPreferred();
      const { answer, tookMs } = await read;
      if (!answer.ok) this.failed(connection, answer.error.details);
      else this.#noteAnswer(tookMs);
    }
    if (!this.#isClosed) this.#armHeartbeat();
  }

  async #tryPreferred(): Promise<void> {
    const { clock, log } = this.#options;
    const url = this.#urls[0] ?? "";
    if (clock.monotonicMs() - this.#movedAtMs < returnAfterMs) return;
    if (this.#preferred === undefined || this.#preferred.isRetired || this.#preferred.url !== url) {
      this.#preferred?.close();
      this.#preferred = this.#connect(url);
    }
    const preferred = this.#preferred;
    const answer = await linearizableRead(preferred, heartbeatMs);
    if (!answer.ok) {
      preferred.close();
      return;
    }
    if (this.#isClosed || this.#index === 0 || this.#urls[0] !== url) return;
    log.write("debug", "goes back to its own etcd member", { url });
    this.#preferred = undefined;
    this.#moveTo(0, preferred);
  }
}
