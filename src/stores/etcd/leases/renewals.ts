/** Renews leases on the member that is spoken to now, and counts a renewal only when it is proved (S3). */
import { err, ok, type Result } from "../../../core/result.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { LeaseId, StoreError } from "../../../ports/store.ts";
import { leaseNotFound } from "../../shared/store-error.ts";
import { type Attempts, pause } from "../client/attempts.ts";
import { overallMs, renewalSilenceMsMax, retryPauseMs } from "../client/client-limits.ts";
import type { Connection } from "../client/connection.ts";
import type { Endpoints } from "../client/endpoints.ts";
import type { Verdict } from "../client/failure.ts";
import { txn } from "../client/methods.ts";
import { Turns } from "../client/turns.ts";
import { KeepAliveStream } from "./keep-alive-stream.ts";
import { TermProof } from "./term-proof.ts";

export interface RenewalsOptions {
  readonly endpoints: Endpoints;
  readonly attempts: Attempts;
  readonly clock: Clock;
  /** Called with the term of each renewal, before it is acknowledged. */
  readonly onTerm: (raftTerm: number) => void;
}

/** What belongs to one connection. */
interface Link {
  readonly connection: Connection;
  readonly proof: TermProof;
  streams: readonly KeepAliveStream[];
}

type Renewal = "renewed" | "gone" | "again" | { readonly failed: string };

/** A stream with so many renewals waiting is busy: a follower asks the leader for each, one after the other. */
const busyCount = 16;
/** Streams of one connection. */
const streamsMax = 8;
/** Renewals that are under way at once: a few milliseconds' worth, so that none is late for the number of the others. */
const renewalsAtOnceMax = 1_024;

export class Renewals {
  readonly #options: RenewalsOptions;
  readonly #stopListening: () => void;
  readonly #turns = new Turns(renewalsAtOnceMax);
  #link: Link | undefined;
  #isClosed = false;

  constructor(options: RenewalsOptions) {
    this.#options = options;
    this.#stopListening = options.endpoints.onMoved(() => this.#leave("another member is asked"));
  }

  /** Tries until it is renewed, is known to be over, or the time for all attempts is. */
  async renew(leaseId: LeaseId): Promise<Result<void, StoreError>> {
    const { clock, endpoints } = this.#options;
    const giveUpAtMs = clock.monotonicMs() + overallMs;
    for (;;) {
      const obstacle = await endpoints.usable(giveUpAtMs - clock.monotonicMs());
      if (obstacle !== undefined) return err(notRenewed(leaseId, obstacle));
      const connection = endpoints.current();
      const renewal = await this.#renewOn(this.#linkTo(connection), leaseId);
      if (renewal === "renewed") return ok(undefined);
      const isOver = renewal === "gone" && (await this.#isOver(leaseId));
      if (isOver) return err(leaseNotFound(leaseId));
      const why = typeof renewal === "object" ? renewal.failed : "etcd has a new leader";
      if (typeof renewal === "object") endpoints.failed(connection, why);
      const leftMs = giveUpAtMs - clock.monotonicMs() - retryPauseMs;
      if (leftMs <= 0 || this.#isClosed) return err(notRenewed(leaseId, why));
      await pause(clock, retryPauseMs);
    }
  }

  /** Fails what is under way. */
  close(): void {
    this.#isClosed = true;
    this.#stopListening();
    this.#leave("the store is closed");
  }

  async #renewOn(link: Link, leaseId: LeaseId): Promise<Renewal> {
    await this.#turns.take();
    const answer = await this.#streamOf(link).renew(leaseId);
    this.#turns.giveBack();
    if (answer.kind === "failed") return { failed: answer.message };
    if (answer.kind === "gone") return "gone";
    const proof = await link.proof.prove(answer.header);
    if (proof === "proved") {
      this.#options.onTerm(Number(answer.header.raftTerm));
      return "renewed";
    }
    return proof === "stale" ? "again" : proof;
  }

  /**
   * A leader that has just been elected, or is none any more, may not know of a lease that lives. Only what the members
   * agree upon counts: a transaction that hangs a key on the lease fails if there is none. If there is one the key goes
   * with it.
   */
  async #isOver(leaseId: LeaseId): Promise<boolean> {
    const key = Buffer.from(`/holdfast/probe/${leaseId}`);
    const put = { requestPut: { key, value: Buffer.alloc(0), lease: leaseId } };
    const request = { compare: [], success: [put], failure: [] };
    const asked: Result<unknown, Verdict> = await this.#options.attempts.repeatable(txn, request);
    return !asked.ok && asked.error.kind === "lease-not-found";
  }

  #linkTo(connection: Connection): Link {
    if (this.#link?.connection === connection) return this.#link;
    this.#leave("another member is asked");
    const { clock, endpoints } = this.#options;
    const proof = new TermProof(connection, clock, () => endpoints.patienceMs);
    this.#link = { connection, proof, streams: [] };
    return this.#link;
  }

  /** The least busy stream, or a further one. */
  #streamOf(link: Link): KeepAliveStream {
    link.streams = link.streams.filter((stream) => !stream.hasEnded);
    const [first] = link.streams.toSorted((left, right) => left.waitingCount - right.waitingCount);
    const isBusy = first === undefined || first.waitingCount >= busyCount;
    if (first !== undefined && (!isBusy || link.streams.length >= streamsMax)) return first;
    const { connection } = link;
    const { clock } = this.#options;
    const stream = new KeepAliveStream({ connection, clock, silenceMsMax: renewalSilenceMsMax });
    link.streams = [...link.streams, stream];
    return stream;
  }

  #leave(why: string): void {
    for (const stream of this.#link?.streams ?? []) stream.end(why);
    this.#link = undefined;
  }
}

function notRenewed(leaseId: LeaseId, why: string): StoreError {
  const message = `lease "${leaseId}" may not have been renewed: ${why}`;
  return { kind: "unavailable", message, mayHaveTakenEffect: true };
}
