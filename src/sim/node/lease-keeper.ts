/**
 * Takes, renews and takes up again a node's lease, as `src/agent/lease-keeper.ts` does. Each success goes to the guard
 * first and to the core second, counted from the sending of the request (S3).
 */
import type { Epoch, NodeId } from "../../core/ids.ts";
import { countedLease } from "../../core/model/lease-change.ts";
import { type LeaseTimes, runUntil } from "../../core/model/times.ts";
import { instantMs } from "../../core/time.ts";
import type { LocalTimer, NodeClock } from "../engine/node-clock.ts";
import type { Process } from "../engine/process.ts";
import type { AgentAnswer } from "../server/agent-protocol.ts";
import type { Caller } from "./caller.ts";
import type { HeldLease, LeaseDisk } from "./disk.ts";
import type { Guard } from "./guard.ts";

export interface LeaseKeeperOptions {
  readonly node: NodeId;
  readonly clock: NodeClock;
  readonly process: Process;
  readonly caller: Caller;
  readonly guard: Guard;
  readonly disk: LeaseDisk;
  readonly incarnation: string;
  /** A new lease that was refused is asked for again only when a round comes. */
  readonly inRounds: boolean;
  /** The lease on disk, and until when it may be taken up again. */
  readonly resume: { readonly lease: HeldLease; readonly untilMs: number } | undefined;
  readonly onLease: (
    kind: "lease-granted" | "lease-renewed",
    facts: {
      readonly epoch: Epoch;
      readonly runUntilMs: number;
      readonly watchdogMs: number;
      readonly operationCountMax: number;
    },
  ) => void;
  /** The node was taken out of the cluster; told once. */
  readonly onTurnedAway: (because: string) => void;
  readonly onLost: (epoch: Epoch, why: string) => void;
  /** A lease that was found on disk lives: what runs is put under the guard. False: that failed. */
  readonly onResumed: (epoch: Epoch) => boolean;
}

interface Holding extends HeldLease {
  times: LeaseTimes | undefined;
  /** Undefined until the first success of this process. */
  untilMs: number | undefined;
}

type LeaseAnswer = Extract<AgentAnswer, { readonly kind: "lease" }>;

const retryMs = 150;
const conflictRetryMs = 250;
const turnedAwayRetryMs = 30_000;
const firstTimeoutMs = 2_000;
const releaseTimeoutMs = 1_000;

/** One agent process's hold on its node's lease. */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #turn: LocalTimer;
  #held: Holding | undefined;
  #previous: HeldLease | undefined;
  #mayAsk = false;
  #refused = false;
  #busy = false;
  #isTurnedAway = false;
  #stopped = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    const { clock, process, resume } = options;
    this.#turn = clock.timer(() => process.enter(() => this.#next()));
    process.onEnd(() => this.stop());
    if (resume === undefined) return;
    this.#held = { ...resume.lease, times: undefined, untilMs: undefined };
    this.#turn.set(clock.nowMs);
  }

  /** Nothing of an older epoch runs: a new lease may be asked for. */
  allowNew(): void {
    this.#mayAsk = true;
    if (!this.#busy && !this.#stopped) this.#turn.set(this.#options.clock.nowMs);
  }

  /** A round has come. */
  onRound(): void {
    if (this.#held === undefined && this.#mayAsk && !this.#busy && !this.#stopped) this.#grant();
  }

  /** The guard has acted: a lease of this epoch is of no use any more. */
  giveUp(epoch: Epoch, why: string): void {
    if (this.#held !== undefined && this.#held.epoch <= epoch) this.#lose(why);
  }

  stop(): void {
    this.#stopped = true;
    this.#turn.close();
  }

  /** Ends the lease at the servers, because nothing that it protects runs here any more; `done` is always called. */
  release(nothingRuns: boolean, done: () => void): void {
    const lease = this.#held ?? this.#previous;
    const { guard } = this.#options;
    this.#held = undefined;
    this.#stopped = true;
    this.#turn.clear();
    if (lease === undefined) {
      done();
      return;
    }
    guard.wantDisarm();
    this.#unflag(lease, (unflagged) => {
      if (unflagged) this.#release({ ...lease, nothingRuns }, done);
      else done(); // it runs out by itself, and the watchdog stays armed
    });
  }

  /** With a kernel watchdog, a lease that is given back must not pass for a reset: its record says so first. */
  #unflag(lease: HeldLease, then: (unflagged: boolean) => void): void {
    const { caller, guard, incarnation, node } = this.#options;
    if (!guard.isArmed) {
      then(true);
      return;
    }
    const { epoch } = lease;
    const last = { resetsOnLoss: false, isLast: true } as const;
    const request = { kind: "renew", node, epoch, incarnation, ...last } as const;
    caller.call(request, releaseTimeoutMs, (answer) => {
      const isDone = answer.kind === "lease" && !answer.resetsOnLoss;
      if (isDone) guard.onUnflagged();
      then(isDone || (answer.kind === "refused" && answer.code === "stale-epoch"));
    });
  }

  /** Not before it is off the disk: a release that arrives late must not end a lease that was taken up again (S1). */
  #release(
    lease: { readonly epoch: Epoch; readonly nothingRuns: boolean },
    done: () => void,
  ): void {
    const { caller, disk, node } = this.#options;
    disk.lease = undefined;
    const { epoch, nothingRuns } = lease;
    caller.call({ kind: "release", node, epoch, nothingRuns }, releaseTimeoutMs, done);
  }

  #lose(why: string): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#previous = held;
    this.#held = undefined;
    this.#mayAsk = false; // `onLost` leads to `allowNew` once nothing of the epoch runs
    this.#options.onLost(held.epoch, why);
  }

  #next(): void {
    if (this.#stopped || this.#busy) return;
    if (this.#held !== undefined) this.#renew(this.#held);
    else if (this.#mayAsk && !(this.#options.inRounds && this.#refused)) this.#grant();
  }

  #later(delayMs: number): void {
    this.#busy = false;
    if (!this.#stopped) this.#turn.set(this.#options.clock.nowMs + delayMs);
  }

  #renew(lease: Holding): void {
    const { caller, clock, guard, incarnation, node, resume } = this.#options;
    const leftMs = (lease.untilMs ?? resume?.untilMs ?? 0) - clock.nowMs;
    if (leftMs <= 0) {
      this.#lose("it was not renewed in time");
      this.#later(0);
      return;
    }
    const usualMs = lease.times === undefined ? firstTimeoutMs : lease.times.renewEveryMs * 2;
    const { epoch, leaseId, countsOn } = lease;
    const promise = countsOn === undefined ? undefined : { leaseId, countsOnMs: countsOn.ttlMs };
    const resetsOnLoss = guard.saysResets;
    this.#busy = true;
    const request = { kind: "renew", node, epoch, incarnation, resetsOnLoss, promise } as const;
    caller.call(request, Math.max(Math.min(usualMs, leftMs), 1), (answer, sentAtMs) => {
      if (this.#stopped) return;
      if (this.#held !== lease) {
        this.#later(0);
      } else if (answer.kind === "lease") {
        this.#later(this.#takeRenewal(lease, answer, sentAtMs));
      } else if (answer.kind === "refused" && answer.code === "stale-epoch") {
        this.#lose(`the server says: ${answer.detail}`);
        this.#later(0);
      } else {
        this.#later(retryMs);
      }
    });
  }

  /** Returns how long to wait before the next turn. */
  #takeRenewal(lease: Holding, answer: LeaseAnswer, sentAtMs: number): number {
    const { clock, guard, disk, onLease, onResumed } = this.#options;
    const { epoch, leaseId } = answer;
    const { countsOn } = countedLease(answer, lease);
    const times = countsOn ?? answer.times;
    const untilMs = runUntil(instantMs(sentAtMs), times);
    const isFirst = lease.untilMs === undefined;
    if (leaseId !== lease.leaseId || countsOn !== lease.countsOn) {
      disk.lease = { epoch, leaseId, countsOn };
    }
    if (isFirst || leaseId !== lease.leaseId) {
      if (guard.begin(epoch, leaseId) !== "accepted") return this.#refusedByGuard(isFirst);
    }
    if (guard.feed(epoch, untilMs) !== "accepted") return this.#refusedByGuard(isFirst);
    if (isFirst && !onResumed(epoch)) {
      this.#lose("the guard refused what runs here");
      return 0;
    }
    if (!answer.resetsOnLoss) guard.onUnflagged();
    this.#mayAsk = false;
    this.#held = Object.assign(lease, { leaseId, countsOn, times, untilMs });
    const operationCountMax = answer.operationsPerNode;
    const { watchdogMs } = times;
    onLease("lease-renewed", { epoch, runUntilMs: untilMs, watchdogMs, operationCountMax });
    return Math.max(sentAtMs + times.renewEveryMs - clock.nowMs, 0);
  }

  #refusedByGuard(isFirst: boolean): number {
    if (isFirst) this.#lose("the guard refused it");
    return retryMs;
  }

  #grant(): void {
    const { caller, guard, incarnation, node } = this.#options;
    this.#busy = true;
    const previous = this.#previous;
    if (previous !== undefined) {
      this.#previous = undefined;
      // A watchdog that is armed would make the end of the lease pass for a reset: it runs out by itself.
      if (!guard.isArmed) {
        this.#release({ ...previous, nothingRuns: false }, () => this.#later(0));
        return;
      }
    }
    const request = { kind: "grant", node, incarnation, resetsOnLoss: guard.saysResets } as const;
    caller.call(request, firstTimeoutMs, (answer, sentAtMs) => {
      if (this.#stopped) return;
      this.#refused = answer.kind === "refused";
      if (answer.kind === "lease") this.#later(this.#takeGrant(answer, sentAtMs));
      else if (answer.kind === "refused" && answer.code === "not-allowed") {
        this.#turnedAway(answer.detail);
      } else this.#later(answer.kind === "refused" ? conflictRetryMs : retryMs * 2);
    });
  }

  #turnedAway(because: string): void {
    if (!this.#isTurnedAway) this.#options.onTurnedAway(because);
    this.#isTurnedAway = true;
    this.#later(turnedAwayRetryMs);
  }

  #takeGrant(answer: LeaseAnswer, sentAtMs: number): number {
    const { clock, guard, disk, onLease } = this.#options;
    const { epoch, leaseId, times } = answer;
    const untilMs = runUntil(instantMs(sentAtMs), times);
    const lease: HeldLease = { epoch, leaseId, countsOn: undefined };
    disk.lease = lease;
    const begun = guard.begin(epoch, leaseId);
    if (begun !== "accepted" || guard.feed(epoch, untilMs) !== "accepted") {
      this.#previous = lease;
      return conflictRetryMs;
    }
    this.#mayAsk = false;
    this.#held = { ...lease, times, untilMs };
    const operationCountMax = answer.operationsPerNode;
    const { watchdogMs } = times;
    onLease("lease-granted", { epoch, runUntilMs: untilMs, watchdogMs, operationCountMax });
    return Math.max(sentAtMs + times.renewEveryMs - clock.nowMs, 0);
  }
}
