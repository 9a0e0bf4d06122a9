/** The long-running parts that the command line starts; `main.ts` supplies them, each loaded when it is asked for. */
import type { LeavingKind } from "../core/model/node.ts";
import type { Outcome } from "./failure.ts";
import type { CliIo } from "./io.ts";

export type LogFormat = "json" | "text";
export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LogOptions {
  readonly format: LogFormat;
  readonly level: LogLevel;
}

export interface ServerRunOptions {
  readonly dataDirectory: string;
  readonly host: string;
  readonly port: number;
  /** Profile of a cluster that is new; one that exists keeps its settings. */
  readonly profile: "fast" | "balanced" | "patient" | undefined;
  readonly log: LogOptions;
}

export interface AgentRunOptions {
  readonly dataDirectory: string;
  readonly servers: readonly string[];
  readonly token: string;
  readonly properties: Readonly<Record<string, string | number | boolean>>;
  /** The kernel's watchdog, e.g. `/dev/watchdog`; undefined: the guard alone. */
  readonly watchdogDevice: string | undefined;
  /** How workloads are held together; `auto` takes namespaces where the machine allows them. */
  readonly isolation: "auto" | "namespace" | "tracked";
  /** What becomes of the workloads when the agent ends in an orderly way. */
  readonly onExit: "keep" | "stop";
  /** What the node has for services; undefined: all of the machine. */
  readonly cpuCores: number | undefined;
  readonly memoryBytes: number | undefined;
  /** How long it waits for its services to be frozen before it is restarted; undefined: the agent's default. */
  readonly restartPatienceMs: number | undefined;
  /** How long it waits for them to be frozen, or to move, before its node goes down; undefined: as above. */
  readonly shutdownPatienceMs: number | undefined;
  readonly log: LogOptions;
}

/** An order to the agent that runs on this machine. */
export interface AgentLeaveOptions {
  readonly dataDirectory: string;
  readonly kind: LeavingKind;
}

export interface DemoRunOptions {
  /** `once` tells its story by itself and ends. */
  readonly mode: "live" | "once";
  readonly profile: "fast" | "balanced" | "patient";
  readonly port: number;
  readonly files: "remove" | "keep";
}

/** What a person does to a node of the demo. */
export interface DemoOrder {
  readonly power: "on" | "off";
  readonly node: string;
}

/** Each runs until it is told to end, and gives the command's outcome. */
export interface Roles {
  runServer(options: ServerRunOptions, io: CliIo): Promise<Outcome>;
  runAgent(options: AgentRunOptions, io: CliIo): Promise<Outcome>;
  /** Resolves when the agent of this machine has left. */
  leaveAgent(options: AgentLeaveOptions, io: CliIo): Promise<Outcome>;
  runDemo(options: DemoRunOptions, io: CliIo): Promise<Outcome>;
  /** Gives an order to the demo that runs on this machine. */
  orderDemo(order: DemoOrder, io: CliIo): Promise<Outcome>;
}
