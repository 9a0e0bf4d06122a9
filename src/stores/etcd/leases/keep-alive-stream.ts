/**
 * Renews any number of leases over one stream of one connection. etcd answers a stream's requests one after the other,
 * in their order. The stream ends with its first error, and every renewal that waits fails with it.
 */
import type { ClientDuplexStream } from "@grpc/grpc-js";
import type { Clock } from "../../../ports/clock.ts";
import type { LeaseId } from "../../../ports/store.ts";
import type { Connection } from "../client/connection.ts";
import type { LeaseKeepAliveResponse, ResponseHeader } from "../client/messages.ts";
import { leaseKeepAlive } from "../client/methods.ts";

/** `gone`: this member says that there is no such lease. */
export type KeepAlive =
  | { readonly kind: "answered"; readonly header: ResponseHeader }
  | { readonly kind: "gone" }
  | { readonly kind: "failed"; readonly message: string };

interface Waiting {
  readonly leaseId: LeaseId;
  readonly sentAtMs: number;
  readonly resolve: (answer: KeepAlive) => void;
}

export interface KeepAliveStreamOptions {
  readonly connection: Connection;
  readonly clock: Clock;
  /** When it answers nothing for so long, though it was asked, it ends. */
  readonly silenceMsMax: number;
}

export class KeepAliveStream {
  readonly #options: KeepAliveStreamOptions;
  readonly #stream: ClientDuplexStream<{ readonly id: LeaseId }, LeaseKeepAliveResponse>;
  /** In the order in which they were sent; answered ones are dropped from the front now and then. */
  #waiting: Waiting[] = [];
  #answeredCount = 0;
  #heardAtMs = 0;
  #cancelTimer: (() => void) | undefined;
  #endedBecause: string | undefined;

  constructor(options: KeepAliveStreamOptions) {
    this.#options = options;
    this.#stream = options.connection.duplex(leaseKeepAlive);
    this.#stream.on("data", (response: LeaseKeepAliveResponse) => this.#onAnswer(response));
    this.#stream.on("error", (error) => this.end(error.message));
    this.#stream.on("end", () => this.end("etcd has ended the stream"));
  }

  /** Renewals that have no answer yet. */
  get waitingCount(): number {
    return this.#waiting.length - this.#answeredCount;
  }

  get hasEnded(): boolean {
    return this.#endedBecause !== undefined;
  }

  /** Sends one renewal; never rejects. */
  renew(leaseId: LeaseId): Promise<KeepAlive> {
    if (this.#endedBecause !== undefined) {
      return Promise.resolve({ kind: "failed", message: this.#endedBecause });
    }
    const { promise, resolve } = Promise.withResolvers<KeepAlive>();
    this.#waiting.push({ leaseId, sentAtMs: this.#options.clock.monotonicMs(), resolve });
    this.#stream.write({ id: leaseId });
    this.#armTimer();
    return promise;
  }

  /** Fails what waits, and the stream takes nothing more. Idempotent. */
  end(message: string): void {
    if (this.#endedBecause !== undefined) return;
    this.#endedBecause = message;
    this.#cancelTimer?.();
    this.#stream.cancel();
    for (const { resolve } of this.#waiting.slice(this.#answeredCount)) {
      resolve({ kind: "failed", message });
    }
    this.#waiting = [];
    this.#answeredCount = 0;
  }

  #onAnswer(response: LeaseKeepAliveResponse): void {
    const waiting = this.#waiting[this.#answeredCount];
    const { header } = response;
    if (waiting === undefined || header === null || response.id !== waiting.leaseId) {
      this.end("etcd has answered what was not asked");
      return;
    }
    this.#answeredCount += 1;
    this.#heardAtMs = this.#options.clock.monotonicMs();
    if (this.#answeredCount === this.#waiting.length || this.#answeredCount >= dropEvery) {
      this.#waiting = this.#waiting.slice(this.#answeredCount);
      this.#answeredCount = 0;
    }
    const isAlive = Number(response.ttlSeconds) > 0;
    waiting.resolve(isAlive ? { kind: "answered", header } : { kind: "gone" });
  }

  /** One timer for all that wait: each answer shows that the stream is alive, however many there are. */
  #armTimer(): void {
    if (this.#cancelTimer !== undefined) return;
    const { clock, silenceMsMax } = this.#options;
    const lateAtMs = this.#lateAtMs();
    if (lateAtMs === undefined) return;
    this.#cancelTimer = clock.after(Math.max(0, lateAtMs - clock.monotonicMs()), () => {
      this.#cancelTimer = undefined;
      const isLate = clock.monotonicMs() >= (this.#lateAtMs() ?? Number.POSITIVE_INFINITY);
      if (isLate) {
        this.end(`${this.#options.connection.url}: no renewal for ${silenceMsMax} ms`);
      } else {
        this.#armTimer();
      }
    });
  }

  /** Undefined: nothing waits. */
  #lateAtMs(): number | undefined {
    const oldest = this.#waiting[this.#answeredCount];
    if (oldest === undefined) return undefined;
    return Math.max(oldest.sentAtMs, this.#heardAtMs) + this.#options.silenceMsMax;
  }
}

const dropEvery = 1_024;
