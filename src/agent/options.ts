/** What an agent is started with, and what its starter holds of it. */
import type { NodeId } from "../core/ids.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Watchdog } from "../ports/watchdog.ts";
import type { WorkloadDriver, WorkloadListener } from "../ports/workload.ts";

export interface AgentOptions {
  readonly dataDirectory: string;
  /** Base URLs, `http://host:port`; at least one. */
  readonly servers: readonly string[];
  readonly token: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Makes the drivers, one a type; they tell `listener` what happens to their instances. */
  readonly drivers: (listener: WorkloadListener) => readonly WorkloadDriver[];
  /** Executable and arguments that start the guard; the data directory is added as the last one. */
  readonly guardCommand: readonly string[];
  /** Watchdogs beside the guard that the agent feeds. */
  readonly watchdogs: readonly Watchdog[];
  /** The kernel's watchdog device, which the guard feeds; default: none. */
  readonly watchdogPath?: string | undefined;
  readonly version: string;
  readonly properties: Readonly<Record<string, string | number | boolean>>;
  /** Operations that may go on at a time; default: 4. */
  readonly operationCountMax?: number;
  /** Ends the waiting for a first server. */
  readonly signal?: AbortSignal;
}

/** `leave-running`: another agent follows. `stop-all`: a clean death, with nothing left running. */
export type CloseMode = "leave-running" | "stop-all";

export interface RunningAgent {
  readonly node: NodeId;
  close(mode: CloseMode): Promise<void>;
  /** Resolves when it has ended: with the reason if nobody had asked for it. */
  readonly closed: Promise<string | undefined>;
}
