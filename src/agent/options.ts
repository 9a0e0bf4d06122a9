/** What an agent is started with, and what its starter holds of it. */
import type { NodeId } from "../core/ids.ts";
import type { Capacity } from "../core/model/capacity.ts";
import type { LeavingKind } from "../core/model/node.ts";
import type { Result } from "../core/result.ts";
import type { LauncherState } from "../launcher/launched.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Watchdog } from "../ports/watchdog.ts";
import type { WorkloadDriver, WorkloadListener } from "../ports/workload.ts";
import type { CertificateAnswer } from "../runtime/certificate-rotation.ts";
import type { ClientTls } from "./link/http.ts";

export interface AgentOptions {
  readonly dataDirectory: string;
  /** Base URLs, `http://host:port` or `https://host:port`; at least one. */
  readonly servers: readonly string[];
  /** Undefined: the certificate says who it is. */
  readonly token?: string | undefined;
  /** Of a node that has joined: its certificate, which is issued anew before it is over. */
  readonly certificate?: AgentCertificate | undefined;
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
  /** The HA group that the node is put into when it is registered first; default: none. */
  readonly haGroup?: string | undefined;
  /** Operations that may go on at a time; default: 4. */
  readonly operationCountMax?: number;
  /** What the node has for services; default: all of the machine. */
  readonly capacity?: Partial<Capacity> | undefined;
  /** How long an agent that is only restarted waits for its services to be frozen; default: 5,000. */
  readonly restartPatienceMs?: number | undefined;
  /** How long an agent whose node goes down waits for its services to be frozen, or to move; default: 90,000. */
  readonly shutdownPatienceMs?: number | undefined;
  /** How often the use of services is measured; default: 10,000. */
  readonly measureEveryMs?: number | undefined;
  /** Whether a launcher looks after this agent, so that it can be upgraded; default: none does. */
  readonly launcher?: (() => LauncherState) | undefined;
  /** Ends the waiting for a first server. */
  readonly signal?: AbortSignal;
}

/** The certificate of a node's agent, for as long as the agent runs. */
export interface AgentCertificate {
  readonly current: () => ClientTls;
  /** Whether one of the authorities that it trusts has signed the statement; the signature is in base64. */
  isSigned(statement: string, signature: string): boolean;
  /**
   * Keeps it fresh until `signal` aborts: `issue` gets a request signed by a server. `onChanged` is called after
   * the new one is on the disk.
   */
  keepFresh(parts: {
    readonly issue: (requestPem: string) => Promise<Result<CertificateAnswer, string>>;
    readonly onChanged: (tls: ClientTls) => void;
    readonly signal: AbortSignal;
  }): Promise<void>;
}

/** `leave-running`: another agent follows. `stop-all`: a clean death, with nothing left running. */
export type CloseMode = "leave-running" | "stop-all";

/**
 * `stopped`: nothing runs, the lease is released. `released`: frozen services run on, the lease is released.
 * `detached`: workloads run on until another agent takes them over or the guard acts at the lease's deadline.
 * `late`: something could not be stopped, and is left to the guard.
 */
export type LeaveOutcome = "stopped" | "released" | "detached" | "late";

export interface RunningAgent {
  readonly node: NodeId;
  close(mode: CloseMode): Promise<void>;
  /**
   * Ends as the cluster's shutdown policy says for its node's reboot or power-off. Alone (`agent-restart`): its
   * services are frozen and go on without it. While the agent ends already: the outcome of that.
   */
  leave(kind: LeavingKind): Promise<LeaveOutcome>;
  /** Resolves when it has ended: with the reason if nobody had asked for it. */
  readonly closed: Promise<string | undefined>;
}
