/**
 * What an agent needs of a kind of workload. A driver tells the truth about what it killed (docs/safety.md, A4):
 * after `stop` or `kill` succeeded, nothing that the workload ever started is alive.
 */
import type { NodeId, ServiceId } from "../core/ids.ts";
import type { Capacity } from "../core/model/capacity.ts";
import type { Result } from "../core/result.ts";

/** How a process is found again for sure: its number and its start time, which together are never reused. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks after boot. */
  readonly startTicks: number;
}

/** One running (or prepared) copy of a service. Plain data: the agent keeps it on disk to adopt it later. */
export interface WorkloadInstance {
  readonly service: ServiceId;
  readonly type: string;
  /** Unique for each start of each service. */
  readonly instanceId: string;
  /** What the guard kills: the end of this process is the end of everything that the workload started. */
  readonly root: ProcessIdentity;
  /** `namespace`: the kernel kills all with `root`. `tracked`: they must be looked for, by environment marker. */
  readonly containment: "namespace" | "tracked";
  /** The driver's own notes, as plain JSON. */
  readonly driverState: Readonly<Record<string, string | number | boolean | null>>;
}

/** Why a driver could not do what it was asked to. */
export interface WorkloadError {
  readonly kind: "bad-configuration" | "failed" | "timed-out";
  /** One sentence for a person: what failed, on what, what to do. */
  readonly message: string;
}

/** Exit code, or the signal that ended it; neither when nobody saw it end. */
export interface WorkloadExit {
  readonly code: number | undefined;
  readonly signal: string | undefined;
}

/** What the health check says; `starting` until it passed once or its start period is over. */
export type Health = "starting" | "healthy" | "unhealthy";

/** Called by the driver when something happens to a running instance. */
export interface WorkloadListener {
  /** It ended without being asked to; everything it had started is dead. Called once, and not after `stop`. */
  onExit(instance: WorkloadInstance, exit: WorkloadExit): void;
  /** Its health check changed its mind; `detail` says what the check saw. */
  onHealth(instance: WorkloadInstance, health: Health, detail: string): void;
}

/** What is needed to make an instance ready. */
export interface PrepareRequest {
  readonly service: ServiceId;
  readonly instanceId: string;
  /** The part of the service's configuration under its type's name, already checked by the driver's schema. */
  readonly configuration: unknown;
  /**
   * A FIFO that agent and guard hold open: when its last writer is gone, both are dead without having killed the
   * instance, and everything of it has to end at once by itself (S3). Undefined: it outlives them.
   */
  readonly lifelinePath: string | undefined;
  /** Environment that marks all that the workload starts as this node's (`HOLDFAST_NODE` and the like). */
  readonly marker: Readonly<Record<string, string>>;
  /** The service was recovered from a dead node: locks that an operation there left behind may be removed. */
  readonly recovered: boolean;
}

/** How an instance is to be stopped. */
export interface StopRequest {
  /** How long it may take to end by itself; undefined: the configuration's own time-out. */
  readonly timeoutMs: number | undefined;
}

/** Where a service is to be moved to, and how. */
export interface MoveRequest {
  readonly service: ServiceId;
  readonly target: NodeId;
  /** `live`: while it runs; `cold`: it is stopped first. */
  readonly how: "live" | "cold";
  readonly configuration: unknown;
}

/** A move that did not come about. */
export interface MoveError extends WorkloadError {
  /** The service is configured on another node. */
  readonly wrongNode: boolean;
  /** What is left of it on this node; `unsure`: something of it may be alive. */
  readonly remains: "running" | "nothing" | "unsure";
}

/** What an instance has used of the machine. */
export interface WorkloadUse {
  /** Processor time since its start, in milliseconds of one core. */
  readonly cpuMs: number;
  /** Now. */
  readonly memoryBytes: Capacity["memoryBytes"];
}

/** Which part of a service's output is wanted. */
export interface LogRequest {
  readonly linesMax: number;
  /** Go on with new lines until `signal` aborts. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/** A command that is to run beside an instance. */
export interface ExecRequest {
  /** The program, looked up as the instance's own would be, and its arguments; at least one word. */
  readonly command: readonly string[];
  /** Added to the instance's environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Takes what the command writes; more is read once it has resolved. Never rejects. */
  output(stream: "stdout" | "stderr", bytes: Uint8Array): Promise<void>;
}

/** Why a command was not run: there is no such program, it may not be run, or something else. */
export interface ExecError {
  readonly kind: "not-found" | "not-executable" | "failed";
  /** One sentence for a person. */
  readonly message: string;
}

/** How a command ended. */
export interface ExecExit extends WorkloadExit {
  /** It was killed because its instance ended, or was ended. */
  readonly withInstance: boolean;
}

/** A command that runs beside an instance. */
export interface RunningExec {
  /** Hands it input; resolves when it takes more. What a command that reads no more is given is dropped. */
  write(bytes: Uint8Array): Promise<void>;
  /** There is no more input. */
  endInput(): void;
  /** Kills it and all that it has started, at once. */
  kill(): void;
  /** Resolves when it has ended, nothing that it started is left, and all its output was taken. Never rejects. */
  readonly ended: Promise<ExecExit>;
}

/** Runs workloads of one type. Methods never reject for what the world does; they return it. */
export interface WorkloadDriver {
  /** The part of a service id before the colon. */
  readonly type: string;
  /** Makes everything ready without running a single instruction of the workload. */
  prepare(request: PrepareRequest): Promise<Result<WorkloadInstance, WorkloadError>>;
  /** Lets a prepared instance run; ok when it runs (healthy or not is told to the listener). */
  release(instance: WorkloadInstance, configuration: unknown): Promise<Result<void, WorkloadError>>;
  /** Asks it to end, then kills; ok when everything it started is dead. Idempotent. */
  stop(
    instance: WorkloadInstance,
    configuration: unknown,
    request: StopRequest,
  ): Promise<Result<void, WorkloadError>>;
  /** Kills at once; ok when everything it started is dead. Idempotent. */
  kill(instance: WorkloadInstance): Promise<Result<void, WorkloadError>>;
  /** After a restart of the agent: whether the instance still runs; if so, watches it and its health again. */
  adopt(instance: WorkloadInstance, configuration: unknown): Promise<"running" | "gone">;
  /** Applies a changed configuration that needs no restart (health checks, log sizes). */
  reconfigure(instance: WorkloadInstance, configuration: unknown): void;
  /** From now on the instance outlives agent and guard: the end of its lifeline does nothing any more. */
  cutLifeline(instance: WorkloadInstance): void;
  /** Undoes `cutLifeline`: agent and guard answer for it again. One that never had a lifeline gets none. */
  tieLifeline(instance: WorkloadInstance): void;
  /**
   * Moves it to another node; ok when nothing of it is alive here and the target has all that it needs (S1).
   * `instance` is undefined when it does not run. Without this method a service is stopped here and started there.
   */
  move?(
    instance: WorkloadInstance | undefined,
    request: MoveRequest,
  ): Promise<Result<void, MoveError>>;
  /** What each has used so far, by instance id; one that is gone is missing. Without it nothing is known. */
  readUses?(instances: readonly WorkloadInstance[]): Promise<ReadonlyMap<string, WorkloadUse>>;
  /**
   * Runs a command beside a running instance: as its user, in its directory and environment, among its processes.
   * It is no workload: it dies with the instance, whoever kills that (S3), and with the agent.
   */
  exec?(instance: WorkloadInstance, request: ExecRequest): Promise<Result<RunningExec, ExecError>>;
  /** The service's output on this node, oldest first, as text chunks. */
  readLog(service: ServiceId, request: LogRequest): AsyncIterable<string>;
}
