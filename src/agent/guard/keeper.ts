/**
 * The guard itself, without its socket: it knows until when what may run, and kills all of it at that instant,
 * whatever the agent does (S3). It trusts no sign of life, only deadlines.
 */
import type { Watchdog } from "../../ports/watchdog.ts";
import { sayLastWord } from "./last-word.ts";
import {
  type FamilySearch,
  type FoundProcess,
  isAlive,
  killExactly,
  searchFamilies,
} from "./process-table.ts";
import type {
  GuardAnswer,
  GuardCredentials,
  GuardRequest,
  GuardStatus,
  TrackedRoot,
} from "./protocol.ts";
import { trackedCountMax } from "./protocol.ts";

export interface KeeperOptions {
  readonly agentId: string;
  /** CLOCK_MONOTONIC in milliseconds. */
  readonly now: () => number;
  /** How long a lost agent may take to come back without having said that it goes, in milliseconds. */
  readonly graceMs: number;
  /** The kernel's watchdog, armed while something is tracked; undefined: it cannot be had. */
  readonly openDevice: (path: string) => Promise<Watchdog | undefined>;
  /** Takes a lease of this epoch or an older one from the disk. The answer says whether none is there now. */
  readonly dropLease: (epoch: number) => Promise<boolean>;
  /** All of the epoch is dead. */
  readonly onFired: (epoch: number) => void;
  /** Nothing is left to guard, and nobody is there to ask for it. */
  readonly onIdle: () => void;
}

export interface Keeper {
  handle(request: GuardRequest): GuardAnswer;
  status(): GuardStatus;
  /** An agent has connected. */
  onAgent(): void;
  /** The agent's connection has ended. */
  onAgentGone(): void;
}

/** Pause between two looks at what a kill has left alive. */
const lookAgainMs = 10;
/** With a kernel watchdog, which resets the node at the deadline, the kill comes so much earlier. */
const deviceLeadMs = 500;
/** Longest sleep before the clock is looked at again. */
const sleepMsMax = 1_000;

export function createKeeper(options: KeeperOptions): Keeper {
  const tracked = new Map<string, TrackedRoot>();
  let credentials: GuardCredentials | undefined;
  let epoch = 0;
  let leaseId = "";
  let firedEpoch = 0;
  let runUntilMs: number | undefined;
  let agent: "connected" | "detached" | "lost" = "lost";
  let killing = false;
  let timer: NodeJS.Timeout | undefined;
  let graceEndsAtMs = Number.POSITIVE_INFINITY;
  let device: Watchdog | undefined;

  function schedule(): void {
    if (killing) return; // `finishKill` has the timer, and the kernel's watchdog stays armed until all is dead
    clearTimeout(timer);
    void feedDevice();
    const dueAtMs = Math.min(killAt(), graceEndsAtMs);
    if (!Number.isFinite(dueAtMs)) return;
    const leftMs = dueAtMs - options.now();
    timer = setTimeout(onTimer, Math.min(Math.max(Math.ceil(leftMs), 0), sleepMsMax));
  }

  function killAt(): number {
    if (runUntilMs === undefined) return Number.POSITIVE_INFINITY;
    return device === undefined ? runUntilMs : runUntilMs - deviceLeadMs;
  }

  async function feedDevice(): Promise<void> {
    if (device === undefined) return;
    if (tracked.size > 0 && runUntilMs !== undefined) await device.feed(runUntilMs);
    else await device.disarm();
  }

  function onTimer(): void {
    const now = options.now();
    if (now >= killAt()) fire();
    else if (now >= graceEndsAtMs) onGraceOver();
    else schedule();
  }

  function onGraceOver(): void {
    graceEndsAtMs = Number.POSITIVE_INFINITY;
    if (runUntilMs !== undefined) fire();
    else options.onIdle();
  }

  /** Looks first, while it can be seen who descends from whom, then kills, until nothing is left. */
  function fire(): void {
    killing = true;
    firedEpoch = epoch;
    runUntilMs = undefined;
    graceEndsAtMs = Number.POSITIVE_INFINITY;
    clearTimeout(timer);
    finishKill(searchFamilies(options.agentId, tracked));
  }

  function finishKill(search: FamilySearch): void {
    // Twice in a row nothing: what forks and ends can slip past one look.
    if (killRound(search) === "some-alive" || killRound(search) === "some-alive") {
      timer = setTimeout(() => finishKill(search), lookAgainMs);
      return;
    }
    tracked.clear();
    killing = false;
    options.onFired(firedEpoch);
    schedule();
    void speak();
  }

  function killRound(search: FamilySearch): "some-alive" | "all-dead" {
    if (tracked.size === 0) return "all-dead";
    const alive: FoundProcess[] = [...tracked.values()].filter(isAlive);
    try {
      alive.push(...search.look());
    } catch {
      for (const root of tracked.values()) killExactly(root);
      return "some-alive"; // /proc could not be read: nothing else is known, so look again
    }
    for (const found of alive) killExactly(found);
    return alive.length > 0 ? "some-alive" : "all-dead";
  }

  async function speak(): Promise<void> {
    const word = { epoch: firedEpoch, leaseId };
    // The word may arrive late: by then no restarted agent may have taken up that epoch again (S1).
    const mayRelease = await options.dropLease(word.epoch);
    if (credentials !== undefined && mayRelease) await sayLastWord({ ...credentials, ...word });
    if (agent !== "connected" && !killing && runUntilMs === undefined) options.onIdle();
  }

  function begin(request: Extract<GuardRequest, { kind: "begin" }>): GuardAnswer {
    if (killing) return "busy";
    if (request.epoch <= firedEpoch || request.epoch < epoch) return "refused";
    if (request.epoch !== epoch && tracked.size > 0) return "refused";
    if (request.epoch !== epoch) runUntilMs = undefined;
    epoch = request.epoch;
    leaseId = request.leaseId;
    return "accepted";
  }

  function feed(request: Extract<GuardRequest, { kind: "feed" }>): GuardAnswer {
    if (killing || request.epoch !== epoch || epoch <= firedEpoch) return "refused";
    const now = options.now();
    if (request.runUntilMs - (device === undefined ? 0 : deviceLeadMs) <= now) return "refused";
    if (killAt() <= now) return "refused"; // the timer is about to fire
    runUntilMs = request.runUntilMs;
    return "accepted";
  }

  function track(request: Extract<GuardRequest, { kind: "track" }>): GuardAnswer {
    if (killing || request.epoch !== epoch || epoch <= firedEpoch) return "refused";
    if (runUntilMs === undefined || killAt() <= options.now()) return "refused";
    if (tracked.size >= trackedCountMax) return "refused";
    const { instanceId, pid, startTicks } = request;
    tracked.set(instanceId, { instanceId, pid, startTicks });
    return "accepted";
  }

  function disarm(): GuardAnswer {
    if (killing) return "busy";
    if (tracked.size > 0) return "refused";
    runUntilMs = undefined;
    return "accepted";
  }

  function hello(request: Extract<GuardRequest, { kind: "hello" }>): GuardAnswer {
    credentials = request;
    if (request.watchdogPath !== undefined && device === undefined) {
      void useDevice(request.watchdogPath);
    }
    return "accepted";
  }

  async function useDevice(path: string): Promise<void> {
    device = await options.openDevice(path);
    schedule();
  }

  function apply(request: GuardRequest): GuardAnswer {
    switch (request.kind) {
      case "hello":
        return hello(request);
      case "begin":
        return begin(request);
      case "feed":
        return feed(request);
      case "track":
        return track(request);
      case "untrack":
        if (!killing) tracked.delete(request.instanceId);
        return "accepted";
      case "detach":
        agent = "detached";
        return "accepted";
      case "disarm":
        return disarm();
    }
  }

  return {
    handle(request) {
      const answer = apply(request);
      schedule();
      return answer;
    },
    status: () => ({ epoch, firedEpoch, runUntilMs, trackedIds: [...tracked.keys()] }),
    onAgent() {
      agent = "connected";
      graceEndsAtMs = Number.POSITIVE_INFINITY;
      schedule();
    },
    onAgentGone() {
      const patient = agent === "detached" && runUntilMs !== undefined;
      if (agent === "connected") agent = "lost";
      if (!patient) graceEndsAtMs = options.now() + options.graceMs;
      schedule();
    },
  };
}
