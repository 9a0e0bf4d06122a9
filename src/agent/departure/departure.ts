/**
 * The ways in which an agent ends: everything is stopped first, or moves away first, or runs on while only the agent
 * is away. What each waits for is the core's decision; here is the waiting, and its end.
 */
import type { AgentEvent } from "../../core/agent/event.ts";
import type { AgentState } from "../../core/agent/state.ts";
import type { AgentMode, LeavingKind } from "../../core/model/node.ts";
import { instantMs } from "../../core/time.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { agentPaths, modeAnswerSchema } from "../../wire/agent-protocol.ts";
import type { Servers } from "../link/servers.ts";
import { createPause } from "../pause.ts";

export interface DepartureOptions {
  readonly state: AgentState;
  readonly dispatch: (event: AgentEvent) => void;
  readonly servers: Servers;
  readonly clock: Clock;
  readonly log: Log;
}

/** `all-released`: the manager has frozen the services, and nothing watches them. `late`: the time is over. */
export type DepartureOutcome = "all-stopped" | "all-released" | "late";

export interface Departure {
  /** Why the agent leaves. */
  kind(): LeavingKind;
  /** The core's word that it is done. */
  onLeft(how: "all-stopped" | "all-released"): void;
  /** Stops everything, without a word to the manager. */
  stopAll(): Promise<"all-stopped" | "late">;
  /** As before a restart, but the agent stays when the manager has not frozen everything within `patienceMs`. */
  letGo(patienceMs: number): Promise<"all-released" | "stays">;
  /** Tells the manager why, and waits at most `patienceMs` for what follows from that. */
  leave(kind: LeavingKind, patienceMs: number): Promise<DepartureOutcome>;
}

/** After so long what could not be stopped is left to the guard. */
const stopAllMsMax = 120_000;
/** So long a server is looked for that knows what the node's services are to do. */
const askMsMax = 5_000;
const askTimeoutMs = 2_000;
const askAgainMs = 200;
/** An agent that is only restarted needs part of the watchdog's time to come back: so many times the grace. */
const returnGraces = 3;

export function createDeparture(options: DepartureOptions): Departure {
  const { state, clock, dispatch } = options;
  const left = Promise.withResolvers<"all-stopped" | "all-released">();
  let leavingKind: LeavingKind = "agent-restart";

  /** Ends at the instant that `limitOf` gives; that may move while time passes. */
  function waitUntil(limitOf: () => number): Promise<DepartureOutcome> {
    const late = Promise.withResolvers<"late">();
    let cancel: () => void = () => undefined;
    const look = (): void => {
      const leftMs = limitOf() - clock.monotonicMs();
      if (leftMs <= 0) late.resolve("late");
      else cancel = clock.after(leftMs, look);
    };
    look();
    return Promise.race([left.promise, late.promise]).finally(() => cancel());
  }

  async function stopped(limitMs: number): Promise<"all-stopped" | "late"> {
    return (await waitUntil(() => limitMs)) === "late" ? "late" : "all-stopped";
  }

  function stopAll(): Promise<"all-stopped" | "late"> {
    dispatch({ kind: "close" });
    return stopped(clock.monotonicMs() + stopAllMsMax);
  }

  /** While the lease is not renewed, waiting ends early enough for the next agent to take it up. */
  async function leaveAlone(patienceMs: number): Promise<DepartureOutcome> {
    if (state.lease === undefined) return "late";
    const deadlineMs = clock.monotonicMs() + patienceMs;
    dispatch({ kind: "leave", how: "restart", deadlineMs: instantMs(deadlineMs) });
    return waitUntil(() => {
      if (state.lease === undefined) return 0;
      const { runUntilMs, isolateAtMs } = state.lease;
      return Math.min(deadlineMs, runUntilMs - (runUntilMs - isolateAtMs) * returnGraces);
    });
  }

  async function letGo(patienceMs: number): Promise<"all-released" | "stays"> {
    leavingKind = "agent-restart";
    const endMs = clock.monotonicMs() + patienceMs;
    // The core's own time is never over: then it would leave, whatever has become of the services.
    dispatch({ kind: "leave", how: "restart", deadlineMs: instantMs(Number.POSITIVE_INFINITY) });
    const wish = state.leaving;
    await waitUntil(() => (state.lease === undefined ? 0 : endMs));
    // Another wish to leave may have come meanwhile, and the manager's word together with the end of the time.
    if (state.leaving === wish) dispatch({ kind: "stay" });
    return state.closing === "released" ? "all-released" : "stays";
  }

  async function askMode(kind: LeavingKind, untilMs: number): Promise<AgentMode | undefined> {
    const pause = createPause(clock);
    for (;;) {
      const epoch = state.lease?.epoch;
      if (epoch === undefined) return undefined;
      const body = { kind, epoch };
      const limits = { timeoutMs: askTimeoutMs };
      const answer = await options.servers.call(agentPaths.mode, body, modeAnswerSchema, limits);
      if (answer.kind === "ok") return answer.value.mode;
      if (clock.monotonicMs() + askAgainMs >= untilMs) return undefined;
      await pause.wait(askAgainMs);
    }
  }

  async function leaveWithNode(kind: LeavingKind, patienceMs: number): Promise<DepartureOutcome> {
    const deadlineMs = clock.monotonicMs() + patienceMs;
    const mode = await askMode(kind, Math.min(deadlineMs, clock.monotonicMs() + askMsMax));
    if (mode === undefined) {
      options.log.write("warn", "no server says what its services are to do: they are stopped");
      return stopAll();
    }
    options.log.write("info", leavingWords[mode], { kind });
    dispatch({ kind: "leave", how: leavingHow[mode], deadlineMs: instantMs(deadlineMs) });
    return stopped(deadlineMs + stopAllMsMax);
  }

  return {
    kind: () => leavingKind,
    onLeft: left.resolve,
    stopAll,
    letGo,
    leave(kind, patienceMs) {
      leavingKind = kind;
      return kind === "agent-restart" ? leaveAlone(patienceMs) : leaveWithNode(kind, patienceMs);
    },
  };
}

/** What an agent whose node goes down does in each mode; one that were to stay active could only stop. */
const leavingHow = {
  active: "failover",
  restart: "freeze",
  shutdown: "failover",
  maintenance: "migrate",
} as const;

const leavingWords = {
  active: "the node goes down: its services are stopped",
  restart: "the node goes down: its services are frozen, and stopped until it is back",
  shutdown: "the node goes down: its services are stopped, and may run elsewhere",
  maintenance: "the node goes down: its services move away first",
} as const;
