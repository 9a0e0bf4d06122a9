/**
 * A server's part in the upgrade of itself: it does what its key in the store says, hands over to its launcher, and
 * writes how far it is. What was decided before a crash or a restart is on the disk; what is told twice is done once.
 */
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { ServerUpgradeState } from "../../core/upgrade/facts.ts";
import { replaceFile } from "../../launcher/durable.ts";
import type { LauncherState } from "../../launcher/launched.ts";
import { orderPath } from "../../launcher/places.ts";
import { fileText, type Trial } from "../../launcher/state.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Store } from "../../ports/store.ts";
import { pause } from "../../runtime/manager-pulse.ts";
import type { PackageSource } from "../../server/bundles/package-source.ts";
import { keys } from "../../wire/records.ts";
import { prepareVersion } from "./prepare-version.ts";
import { createServerReports, type KnownOrder, readOrder, type SayOutcome } from "./reports.ts";
import { launchState, proveHealth } from "./trial.ts";

export interface FollowOrdersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly serverId: string;
  readonly dataDirectory: string;
  /** Of this program. */
  readonly version: string;
  /** Whether a launcher looks after this process now. */
  readonly launcher: () => LauncherState;
  readonly isSigned: (statement: string, signature: string) => boolean;
  /** Undefined: this server only waits, and can become only what it still has. */
  readonly packages: PackageSource | undefined;
  /** What is missing until this server takes its full part, as an error. */
  readonly health: () => Promise<Result<void, string>>;
  /** The schema of the store that this server waits for, and for nothing else; undefined: it waits for none. */
  readonly waitsForSchema?: number | undefined;
  /** Why this server must not end at this moment, e.g. as it moves its store; undefined: it may. */
  readonly busy?: (() => string | undefined) | undefined;
  readonly signal: AbortSignal;
}

export interface OrderFollower {
  /** Resolves when the launcher is to start another version: this server ends in an orderly way. */
  readonly handOver: Promise<void>;
  /** Resolves when the signal has ended it. */
  readonly ended: Promise<void>;
}

const againMs = 500;
const busyAgainMs = 200;
/** How long another launcher may take to be started and to take over. */
const takeOverMsMax = 60_000;

/** Begins at once: on trial, a server has to prove itself first. */
export function followServerOrders(options: FollowOrdersOptions): OrderFollower {
  const follower = new Follower(options);
  return { handOver: follower.handOver.promise, ended: follower.follow() };
}

class Follower {
  readonly handOver: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  readonly #options: FollowOrdersOptions;
  readonly #reports: ReturnType<typeof createServerReports>;
  #current: KnownOrder | undefined;
  #calledOff = new AbortController();
  /** One order after the other. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: FollowOrdersOptions) {
    this.#options = options;
    this.#reports = createServerReports(options);
  }

  async follow(): Promise<void> {
    const { signal, clock } = this.#options;
    this.#work = this.#proveItself();
    while (!signal.aborted) {
      await this.#watch();
      if (!signal.aborted) await pause(clock, againMs, signal);
    }
    this.#calledOff.abort();
    await this.#work;
  }

  /** Until the watch ends. */
  async #watch(): Promise<void> {
    const { store, serverId, signal } = this.#options;
    const key = `${keys.serverUpgrades}${serverId}`;
    const read = await store.get(key);
    if (!read.ok) return;
    await this.#look();
    const fromRevision = read.value.revision + 1;
    for await (const batch of store.watch(key, { fromRevision, signal })) {
      if (!batch.ok) return;
      await this.#look();
    }
  }

  async #look(): Promise<void> {
    const { store, serverId, signal } = this.#options;
    const read = await readOrder(store, serverId);
    if (!read.ok) return; // the watch ends as well, and it is looked at anew
    const order = read.value;
    if (order?.id === this.#current?.id) return;
    this.#current = order;
    this.#calledOff.abort();
    this.#calledOff = new AbortController();
    if (order === undefined) return;
    const either = AbortSignal.any([this.#calledOff.signal, signal]);
    this.#work = this.#work.then(() => (either.aborted ? undefined : this.#do(order, either)));
  }

  /** The launcher's word decides: a server that said `healthy` first could be rolled back all the same. */
  async #proveItself(): Promise<void> {
    const { signal, log } = this.#options;
    const decided = await proveHealth({
      ...this.#options,
      health: (trial) => this.#healthOf(trial),
    });
    if (decided?.phase !== "good" || signal.aborted) return;
    const { id } = decided;
    await this.#reports.say({ id, state: "healthy", detail: this.#healthyWords() }, signal);
    log.write("info", "stays: its launcher knows that it is healthy");
  }

  async #healthOf({ id }: Trial): Promise<Result<void, string>> {
    const { store, serverId, waitsForSchema, health } = this.#options;
    if (waitsForSchema === undefined) return await health();
    const order = await readOrder(store, serverId);
    if (!order.ok) return err(order.error.message);
    // An order that was taken back meanwhile expects nothing of this server any more.
    const expected = order.value?.id === id ? order.value.schema : undefined;
    if (expected === waitsForSchema) return ok(undefined);
    return err(`it waits for schema ${waitsForSchema} of the store, which nobody has promised`);
  }

  #healthyWords(): string {
    const { waitsForSchema } = this.#options;
    return waitsForSchema === undefined ? "" : `it waits for schema ${waitsForSchema} of the store`;
  }

  async #do(order: KnownOrder, signal: AbortSignal): Promise<void> {
    const { dataDirectory, version, log } = this.#options;
    const { id, package: wanted } = order;
    const trial = launchState(dataDirectory)?.trial;
    if (trial?.id === id && trial.phase !== "trying") {
      // Decided before: nobody may have heard of it.
      const isGood = trial.phase === "good";
      const detail = isGood ? this.#healthyWords() : trial.detail;
      await this.#say(order, isGood ? "healthy" : "rolled-back", detail, signal);
      if (!isGood) log.write("error", `is rolled back: ${detail}`);
      return;
    }
    if (order.order === "switch" && wanted.version === version) {
      const words = `version ${version} runs already`;
      await this.#say(order, "healthy", words, signal);
      log.write("info", `has nothing to do: ${words}`);
      return;
    }
    const fault = await this.#makeReady(order, signal);
    if (signal.aborted) return;
    if (fault !== undefined) await this.#fail(order, fault, signal);
    else if (order.order === "prepare") await this.#say(order, "prepared", "", signal);
    else await this.#switch(order, signal);
  }

  /** Why it cannot be carried out; undefined: it can. */
  async #makeReady(order: KnownOrder, signal: AbortSignal): Promise<string | undefined> {
    const { dataDirectory, log } = this.#options;
    if (!(await this.#untilLaunched(signal))) {
      return "no launcher looks after this server: start it with holdfast server launch";
    }
    const prepared = await prepareVersion({
      ...this.#options,
      installed: launchState(dataDirectory)?.installed,
      order,
      signal,
      onFetch: async () => {
        const words = `fetches version ${order.package.version} of itself`;
        log.write("info", words);
        await this.#say(order, "waiting", words, signal);
      },
    });
    return prepared.ok ? undefined : prepared.error;
  }

  /** One that has died is soon started again, and has this server end: its successor goes on. */
  async #untilLaunched(signal: AbortSignal): Promise<boolean> {
    const { launcher, log, clock } = this.#options;
    if (launcher() !== "lost") return launcher() === "alive";
    log.write("warn", "its launcher has died: it cannot be replaced before another one takes over");
    await pause(clock, takeOverMsMax, signal);
    return launcher() === "alive";
  }

  async #switch(order: KnownOrder, signal: AbortSignal): Promise<void> {
    const { dataDirectory, log, clock } = this.#options;
    const { id, package: wanted, healthyWithinMs } = order;
    const { version, sha256 = "" } = wanted;
    for (let why = this.#options.busy?.(); why !== undefined; why = this.#options.busy?.()) {
      await this.#say(order, "waiting", why, signal);
      await pause(clock, busyAgainMs, signal);
      if (signal.aborted) return;
    }
    const words = `hands over to version ${version}`;
    if ((await this.#say(order, "switched", words, signal)) !== "written") return;
    try {
      replaceFile(orderPath(dataDirectory), fileText({ id, version, sha256, healthyWithinMs }));
    } catch (error: unknown) {
      const why = `cannot tell its launcher: ${sentenceOfSystemError(error)}`;
      await this.#fail(order, why, signal);
      return;
    }
    log.write("info", `${words}, which its launcher starts`);
    this.handOver.resolve();
  }

  async #fail(order: KnownOrder, why: string, signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    await this.#say(order, "failed", why, signal);
    log.write("error", `${order.order} of version ${order.package.version}: ${why}`);
  }

  #say(
    { id }: KnownOrder,
    state: ServerUpgradeState,
    detail: string,
    signal: AbortSignal,
  ): Promise<SayOutcome> {
    return this.#reports.say({ id, state, detail }, signal);
  }
}
