/**
 * Takes, renews and takes up again the node's lease. Each success goes to the guard first and to the core second,
 * counted from the sending of the request (S3).
 */
import type { Epoch } from "../core/ids.ts";
import { countedLease } from "../core/model/lease-change.ts";
import { type LeaseTimes, runUntil } from "../core/model/times.ts";
import type { Result } from "../core/result.ts";
import { durationMs, type InstantMs, instantMs } from "../core/time.ts";
import type { Clock } from "../ports/clock.ts";
import type { Guard } from "../ports/guard.ts";
import type { Log } from "../ports/log.ts";
import type { Watchdog } from "../ports/watchdog.ts";
import { agentPaths, type LeaseAnswer, leaseAnswerSchema } from "../wire/agent-protocol.ts";
import type { HeldLease } from "./disk/data-directory.ts";
import { anyAnswerSchema, type CallAnswer, type Servers } from "./link/servers.ts";
import { createPause } from "./pause.ts";

/** A lease as the core is told of it. */
export interface LeaseFacts {
  readonly epoch: Epoch;
  readonly runUntilMs: InstantMs;
  readonly watchdogMs: number;
  readonly operationCountMax: number;
}

export interface LeaseEvents {
  /** The guard was fed with the same deadline before. */
  onLease(kind: "granted" | "renewed", facts: LeaseFacts): void;
  onLost(epoch: Epoch, why: string): void;
  /** A lease that was found on disk lives: instances of it are put under the guard. False: that failed. */
  onResumed(): Promise<boolean>;
}

export interface LeaseKeeperOptions {
  readonly servers: Servers;
  readonly clock: Clock;
  readonly log: Log;
  readonly guard: Guard;
  /** Fed after the guard. */
  readonly watchdogs: readonly Watchdog[];
  readonly incarnation: string;
  /** A lease on disk, and until when it may be taken up again. */
  readonly resume: { readonly lease: HeldLease; readonly untilMs: number } | undefined;
  readonly saveLease: (lease: HeldLease) => Promise<Result<void, string>>;
  readonly dropLease: () => Promise<Result<void, string>>;
  readonly events: LeaseEvents;
}

/** What is said with a lease that is given back. */
export interface ReleaseWord {
  /** Everything was stopped, whatever watches it: it may all run elsewhere at once. */
  readonly nothingRuns: boolean;
}
export interface LeaseKeeper {
  /** Nothing of an older epoch runs: a new lease may be asked for. */
  allowNew(): void;
  /** The guard has acted: a lease of this epoch or an older one is of no use any more. */
  giveUp(epoch: number, why: string): void;
  /** Ends the lease at the servers, because nothing runs here any more. */
  release(word: ReleaseWord): Promise<void>;
  /** Renews no more. */
  stop(): Promise<void>;
}

type LeaseRenewal = Pick<HeldLease, "epoch" | "leaseId"> & { readonly countsOnMs?: number };

interface Holding extends HeldLease {
  times: LeaseTimes | undefined;
  /** Undefined until the first success of this process. */
  untilMs: number | undefined;
}

const retryMs = 150;
const conflictRetryMs = 250;
const firstTimeoutMs = 2_000;
const releaseTimeoutMs = 1_000;

/** Begins at once: with the lease on disk, or when `allowNew` says so. */
export function createLeaseKeeper(options: LeaseKeeperOptions): LeaseKeeper {
  const { clock, events, log, servers } = options;
  const pause = createPause(clock);
  let held: Holding | undefined =
    options.resume === undefined
      ? undefined
      : { ...options.resume.lease, times: undefined, untilMs: undefined };
  let previous: HeldLease | undefined;
  let mayAsk = false;
  let stopped = false;

  function lose(why: string): void {
    if (held === undefined) return;
    const { epoch } = held;
    previous = held;
    held = undefined;
    mayAsk = false; // `onLost` leads to `allowNew` once nothing of the epoch runs
    events.onLost(epoch, why);
  }

  /** Where a renewal was due again meanwhile, another server is asked for the same one. */
  async function ask(
    renew: LeaseRenewal | undefined,
    limits: { readonly timeoutMs: number; readonly staggerMs?: number | undefined },
  ): Promise<CallAnswer<LeaseAnswer>> {
    const body = { incarnation: options.incarnation, ...(renew === undefined ? {} : { renew }) };
    return await servers.call(agentPaths.lease, body, leaseAnswerSchema, {
      ...limits,
      lane: "renewal",
      stamp: () => clock.monotonicMs(),
    });
  }

  /** Returns how long to wait before the next turn. */
  async function renewOnce(lease: Holding): Promise<number> {
    const deadlineMs = lease.untilMs ?? options.resume?.untilMs ?? 0;
    const leftMs = deadlineMs - clock.monotonicMs();
    if (leftMs <= 0) {
      lose("it was not renewed in time");
      return 0;
    }
    const usualMs = lease.times === undefined ? firstTimeoutMs : lease.times.renewEveryMs * 2;
    const { epoch, leaseId, countsOn } = lease;
    const answer = await ask(
      { epoch, leaseId, ...(countsOn === undefined ? {} : { countsOnMs: countsOn.ttlMs }) },
      {
        timeoutMs: Math.max(Math.min(usualMs, leftMs), 1),
        staggerMs: lease.times?.renewEveryMs,
      },
    );
    if (held !== lease || stopped) return 0;
    if (answer.kind === "ok") return takeRenewal(lease, answer.value, instantMs(answer.stamp));
    if (answer.kind === "refused" && answer.code === "stale-epoch") {
      lose(`the server says: ${answer.detail}`);
      return 0;
    }
    log.write("warn", `lease was not renewed: ${answer.detail}`);
    return retryMs;
  }

  async function takeRenewal(
    lease: Holding,
    value: LeaseAnswer,
    sentAtMs: InstantMs,
  ): Promise<number> {
    const isFirst = lease.untilMs === undefined;
    if (value.epoch !== lease.epoch) {
      lose(`the server renewed epoch ${value.epoch} instead of ${lease.epoch}`);
      return 0;
    }
    await countOn(lease, value);
    const times = lease.countsOn ?? timesOf(value);
    const untilMs = runUntil(sentAtMs, times);
    const begun = isFirst ? await options.guard.begin(lease.epoch, value.leaseId) : "accepted";
    if (begun === "refused" || (await feedGuard(untilMs)) === "refused") {
      if (held === lease && isFirst) lose("the guard refused it");
      return retryMs;
    }
    if (isFirst && !(await events.onResumed())) {
      lose("the guard refused what runs here");
      return 0;
    }
    if (held !== lease || stopped) return 0;
    mayAsk = false;
    lease.times = times;
    lease.untilMs = untilMs;
    feedOthers(untilMs);
    events.onLease("renewed", factsOf(value, times, untilMs));
    return nextTurn(sentAtMs, times);
  }

  /**
   * The server moved the same epoch to another lease of the store (a changed TTL), or wants a shorter one: what is counted
   * on is on the disk before it is said, so that no later life of this agent counts on more.
   */
  async function countOn(lease: Holding, value: LeaseAnswer): Promise<void> {
    const shorter = value.shorter === undefined ? undefined : timesOf(value.shorter);
    const counted = countedLease({ leaseId: value.leaseId, times: timesOf(value), shorter }, lease);
    const isOther = counted.leaseId !== lease.leaseId;
    if (!isOther && counted.countsOn === lease.countsOn) return;
    const saved = await options.saveLease({ epoch: lease.epoch, ...counted });
    if (isOther) await options.guard.begin(lease.epoch, counted.leaseId);
    if (held !== lease) return;
    // What is not on the disk is not said.
    const unsaid = isOther ? undefined : lease.countsOn;
    const countsOn = saved.ok ? counted.countsOn : unsaid;
    held = Object.assign(lease, { leaseId: counted.leaseId, countsOn });
  }

  async function grantOnce(): Promise<number> {
    if (previous !== undefined) {
      await releaseLease(previous, { nothingRuns: false });
      previous = undefined;
    }
    const answer = await ask(undefined, { timeoutMs: firstTimeoutMs });
    if (stopped) return 0;
    if (answer.kind !== "ok") {
      const level = answer.kind === "refused" && answer.code === "conflict" ? "debug" : "warn";
      log.write(level, `no lease yet: ${answer.detail}`);
      return answer.kind === "refused" ? conflictRetryMs : retryMs * 2;
    }
    return takeGrant(answer.value, instantMs(answer.stamp));
  }

  async function takeGrant(value: LeaseAnswer, sentAtMs: InstantMs): Promise<number> {
    const times = timesOf(value);
    const untilMs = runUntil(sentAtMs, times);
    const { epoch, leaseId } = value;
    const lease: HeldLease = { epoch, leaseId, countsOn: undefined };
    const saved = await options.saveLease(lease);
    if (!saved.ok) {
      log.write("error", `lease is of no use: ${saved.error}`);
      previous = lease;
      return conflictRetryMs * 4;
    }
    const begun = await options.guard.begin(lease.epoch, lease.leaseId);
    if (begun === "refused" || (await feedGuard(untilMs)) === "refused") {
      log.write("error", `the guard refused epoch ${lease.epoch}; asking for another one`);
      previous = lease;
      return conflictRetryMs;
    }
    if (stopped) return 0;
    mayAsk = false;
    held = { ...lease, times, untilMs };
    feedOthers(untilMs);
    events.onLease("granted", factsOf(value, times, untilMs));
    return nextTurn(sentAtMs, times);
  }

  function feedGuard(untilMs: number): Promise<"accepted" | "refused"> {
    return options.guard.feed(untilMs);
  }

  /** Their answers count for nothing: one that refuses acts by itself. */
  function feedOthers(untilMs: number): void {
    for (const watchdog of options.watchdogs) void watchdog.feed(untilMs);
  }

  function nextTurn(sentAtMs: number, times: LeaseTimes): number {
    return Math.max(sentAtMs + times.renewEveryMs - clock.monotonicMs(), 0);
  }

  /**
   * Not before it is off the disk: the release may arrive late, and must not end a lease that a restarted agent has
   * taken up again meanwhile (S1). One that is not released runs out by itself.
   */
  async function releaseLease(lease: HeldLease, word: ReleaseWord): Promise<void> {
    const dropped = await options.dropLease();
    if (!dropped.ok) {
      log.write("error", `the lease is not given back: ${dropped.error}`);
      return;
    }
    const { epoch, leaseId } = lease;
    const limits = { timeoutMs: releaseTimeoutMs, lane: "lease" } as const;
    const body = { epoch, leaseId, ...word };
    await servers.call(agentPaths.release, body, anyAnswerSchema, limits);
  }

  async function run(): Promise<void> {
    while (!stopped) {
      if (held !== undefined) await pause.wait(await renewOnce(held));
      else if (mayAsk) await pause.wait(await grantOnce());
      else await pause.wait(undefined);
    }
  }

  const running = run();
  return {
    allowNew() {
      mayAsk = true;
      if (held === undefined) pause.end();
    },
    giveUp(epoch, why) {
      if (held !== undefined && held.epoch <= epoch) lose(why);
    },
    async release(word) {
      const lease = held ?? previous;
      held = undefined;
      if (lease !== undefined) await releaseLease(lease, word);
    },
    async stop() {
      stopped = true;
      pause.end();
      await running;
    },
  };
}

function factsOf(
  { epoch, operationsPerNode: operationCountMax }: LeaseAnswer,
  { watchdogMs }: LeaseTimes,
  runUntilMs: InstantMs,
): LeaseFacts {
  return { epoch, runUntilMs, watchdogMs, operationCountMax };
}

function timesOf(
  value: Readonly<Record<"ttlMs" | "watchdogMs" | "renewEveryMs", number>>,
): LeaseTimes {
  return {
    ttlMs: durationMs(value.ttlMs),
    watchdogMs: durationMs(value.watchdogMs),
    renewEveryMs: durationMs(value.renewEveryMs),
  };
}
