/**
 * The agent's part in the upgrade of itself: it fetches and verifies what the manager orders, hands over to its launcher,
 * and says how far it is. What was decided before a crash or a restart is on the disk; what is told twice is done once.
 */
import type { AgentUpgradeState } from "../../core/fleet/model/agent-upgrade.ts";
import type { LauncherState } from "../../launcher/launched.ts";
import { healthyPath, orderPath, statePath } from "../../launcher/places.ts";
import { fileText, type LaunchState, parseState, type Trial } from "../../launcher/state.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { AgentUpgradeOrder } from "../../wire/fleet/agent-upgrades.ts";
import { readMaybe, removeFile, writeDurably } from "../disk/files.ts";
import type { Servers } from "../link/servers.ts";
import { createPause } from "../pause.ts";
import { prepare } from "./prepare.ts";
import { createUpgradeReports, type ReportOutcome } from "./reports.ts";

export interface UpgraderOptions {
  readonly servers: Servers;
  readonly clock: Clock;
  readonly log: Log;
  readonly dataDirectory: string;
  /** Of this agent. */
  readonly version: string;
  /** Whether a launcher looks after this agent now. */
  readonly launcher: () => LauncherState;
  /** Whether an authority that this agent trusts has signed the statement; undefined: it trusts none. */
  readonly isSigned: ((statement: string, signature: string) => boolean) | undefined;
  /** The launcher is to start another version: this agent leaves, and its workloads run on. False: it stays for now. */
  readonly onHandOver: () => Promise<boolean>;
}

export interface Upgrader {
  /** What the manager orders now; undefined: nothing. */
  take(order: AgentUpgradeOrder | undefined): void;
  /** A server knows this agent's version. */
  onJoined(): void;
  /** The node's lease was granted to this agent, or renewed by it. */
  onLease(): void;
  stop(): Promise<void>;
}

const lookEveryMs = 200;
/** Between two attempts to hand over. */
const handOverAgainMs = 1_000;
/** How long another launcher may take to be started and to take over. */
const takeOverMsMax = 60_000;

/** Begins at once: on trial, an agent has to prove itself. */
export function createUpgrader(options: UpgraderOptions): Upgrader {
  const { clock, log, dataDirectory, version } = options;
  const ending = new AbortController();
  const reports = createUpgradeReports(options);
  const joined = Promise.withResolvers<void>();
  const leased = Promise.withResolvers<void>();
  let current: AgentUpgradeOrder | undefined;
  let calledOff = new AbortController();
  /** One after the other: the trial first, then what is ordered. */
  let work: Promise<void> = proveHealth();

  async function launchState(): Promise<LaunchState | undefined> {
    const text = await readMaybe(statePath(dataDirectory));
    return text.ok && text.value !== undefined ? parseState(text.value) : undefined;
  }

  function say(
    id: string,
    state: AgentUpgradeState,
    detail: string,
    signal: AbortSignal,
  ): Promise<ReportOutcome> {
    return reports.say({ id, state, detail, agentVersion: version }, signal);
  }

  /** The launcher's word decides: an agent that said `success` first could be rolled back all the same. */
  async function proveHealth(): Promise<void> {
    const { signal } = ending;
    const trial = (await launchState())?.trial;
    if (trial?.phase !== "trying" || trial.to !== version) return;
    if (options.launcher() === "none") return; // started by hand, in the place of who decides
    log.write("info", `is on trial in the place of ${wordsFor(trial.from)}`);
    await Promise.race([Promise.all([joined.promise, leased.promise]), aborted(signal)]);
    if (signal.aborted) return;
    // A server that answers is what counts: it may say that the upgrade was called off meanwhile.
    if ((await say(trial.id, "initiated", "", signal)) === "aborted") return;
    const word = fileText({ id: trial.id, pid: process.pid });
    const written = await writeDurably(healthyPath(dataDirectory), word);
    if (!written.ok) log.write("error", written.error);
    await untilDecided(trial, signal);
  }

  async function untilDecided(trial: Trial, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const now = (await launchState())?.trial;
      if (now?.id !== trial.id || now.phase !== "trying") break;
      await wait(lookEveryMs, signal);
    }
    const decided = (await launchState())?.trial;
    if (signal.aborted || decided?.id !== trial.id || decided.phase !== "good") return;
    log.write("info", `has taken the place of ${wordsFor(trial.from)}`);
    await say(trial.id, "success", "", signal);
  }

  async function carryOut(order: AgentUpgradeOrder, signal: AbortSignal): Promise<void> {
    const { id } = order;
    const trial = (await launchState())?.trial;
    if (signal.aborted) return;
    if (trial?.id === id && trial.phase !== "trying") {
      // Decided before: the manager may not have heard of it.
      const state = trial.phase === "good" ? "success" : "rolled-back";
      await say(id, state, trial.detail, signal);
      return;
    }
    if (trial?.phase === "trying" && trial.to === version) return; // the launcher has not decided yet
    const fault = await makeReady(order, signal);
    if (signal.aborted) return;
    if (fault !== undefined) {
      log.write("error", `upgrade to version ${order.package.version}: ${fault}`);
      await say(id, "failed", fault, signal);
    } else if (order.order === "fetch") {
      await say(id, "downloaded", "", signal);
    } else {
      await install(order, signal);
    }
  }

  /** One that has died is soon started again, and has this agent leave: its successor goes on. */
  async function untilLaunched(signal: AbortSignal): Promise<boolean> {
    if (options.launcher() !== "lost") return options.launcher() === "alive";
    log.write("warn", "its launcher has died: it cannot be upgraded before another one takes over");
    await wait(takeOverMsMax, signal);
    return options.launcher() === "alive";
  }

  /** Ends at once when the signal aborts. */
  async function wait(delayMs: number, signal: AbortSignal): Promise<void> {
    const pause = createPause(clock);
    const wake = (): void => pause.end();
    signal.addEventListener("abort", wake, { once: true });
    if (!signal.aborted) await pause.wait(delayMs);
    signal.removeEventListener("abort", wake);
  }

  /** Why it cannot be installed; undefined: it can. */
  async function makeReady(
    order: AgentUpgradeOrder,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    if (!(await untilLaunched(signal))) {
      return "no launcher looks after this agent: start it with holdfast agent launch";
    }
    const prepared = await prepare({
      ...options,
      wanted: order.package,
      signal,
      async onDownload() {
        log.write("info", `fetches version ${order.package.version} of itself`);
        await say(order.id, "download-started", "", signal);
      },
    });
    return prepared.ok ? undefined : prepared.error;
  }

  /** A server has to confirm first that this is (still) to be done: the manager keeps others waiting for it (S7). */
  async function install(order: AgentUpgradeOrder, signal: AbortSignal): Promise<void> {
    const { id, package: wanted, healthyWithinMs } = order;
    const { version: to, sha256 } = wanted;
    const text = fileText({ id, version: to, sha256, healthyWithinMs });
    let detail = "";
    for (;;) {
      if ((await say(id, "initiated", detail, signal)) !== "accepted" || signal.aborted) return;
      const written = await writeDurably(orderPath(dataDirectory), text);
      if (!written.ok) {
        await say(id, "failed", written.error, signal);
        return;
      }
      if (!(await untilLaunched(signal))) {
        if (signal.aborted) return; // the launcher that takes over finds the order
        await removeFile(orderPath(dataDirectory));
        await say(id, "failed", "its launcher has died, and no other one was started", signal);
        return;
      }
      log.write("info", `hands over to version ${to}, which its launcher starts`);
      if (await options.onHandOver()) return;
      await removeFile(orderPath(dataDirectory));
      if (signal.aborted) return;
      detail = "the manager has not let go of its services yet: it asks again";
      log.write("warn", `stays for now: ${detail}`);
      await wait(handOverAgainMs, signal);
    }
  }

  return {
    take(order) {
      if (isSame(order, current)) return;
      current = order;
      calledOff.abort();
      calledOff = new AbortController();
      if (order === undefined) return;
      const signal = AbortSignal.any([calledOff.signal, ending.signal]);
      work = work.then(() => (signal.aborted ? undefined : carryOut(order, signal)));
    },
    onJoined: joined.resolve,
    onLease: leased.resolve,
    async stop() {
      ending.abort();
      await work;
    },
  };
}

function isSame(
  left: AgentUpgradeOrder | undefined,
  right: AgentUpgradeOrder | undefined,
): boolean {
  return left?.id === right?.id && left?.order === right?.order;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function wordsFor(version: string): string {
  return version === "" ? "the installed version" : `version ${version}`;
}
