/** The long-running parts that the command line starts; `main.ts` supplies them, each loaded when it is asked for. */
import type { LeavingKind } from "../core/model/node.ts";
import type { OfficeWishes } from "../wire/control-plane/office.ts";
import type { ConfigSource } from "../wire/control-plane/server-config.ts";
import type { Outcome } from "./failure.ts";
import type { CliIo } from "./io.ts";

export type LogFormat = "json" | "text";
export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LogOptions {
  readonly format: LogFormat;
  readonly level: LogLevel;
}

type OfficeField = "leaderHook" | "followerHook" | "hookTimeLimit" | "vip" | "vipInterface";

export interface ServerRunOptions {
  readonly dataDirectory: string;
  /** Undefined: this machine alone, or of an initialised server all addresses, at the port that it was given. */
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  /** Profile of a cluster that is new; one that exists keeps its settings. */
  readonly profile: "fast" | "balanced" | "patient" | undefined;
  readonly log: LogOptions;
  /** What it does as manager, otherwise than it has kept. */
  readonly office: OfficeWishes;
  /** Where its values were found; `default` of `office`: it is as it was kept. */
  readonly origins: Readonly<
    Record<"dataDirectory" | "listen" | "logLevel" | "logFormat" | OfficeField, ConfigSource>
  >;
}

/** Paths of PEM files. */
interface CertificateFiles {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

export interface ServerInitOptions {
  readonly dataDirectory: string;
  readonly name: string;
  /** Name or address where other machines reach it. */
  readonly host: string;
  readonly port: number;
  readonly engine: "embedded" | "etcd";
  /** Members that others run; empty: the server runs one itself. */
  readonly etcdUrls: readonly string[];
  /** Files that open the members at `etcdUrls`; undefined: they are plain http. */
  readonly etcdFiles: CertificateFiles | undefined;
  readonly loadBalancer: string | undefined;
  readonly isolate: boolean;
  /** What it does as manager; kept. */
  readonly office: OfficeWishes;
  /** Whether it is to be started by systemd. */
  readonly units: "install" | "leave";
}

/** What a machine joins with. */
export interface JoinOptions {
  readonly dataDirectory: string;
  readonly name: string;
  readonly servers: readonly string[];
  readonly token: string;
  /** `sha256:<hex>` of the authority's public key. */
  readonly authorityHash: string;
  readonly units: "install" | "leave";
}

export interface ServerJoinOptions extends JoinOptions {
  readonly host: string;
  readonly port: number;
  /** What it does as manager; kept. */
  readonly office: OfficeWishes;
}

export interface NodeJoinOptions extends JoinOptions {
  readonly properties: Readonly<Record<string, string | number | boolean>>;
  readonly taints: readonly string[];
  /** The HA group that it is put into; undefined: none. */
  readonly haGroup: string | undefined;
}

export interface ServerRecoverOptions {
  readonly dataDirectory: string;
  /** Whether the person was asked already. */
  readonly assumeYes: boolean;
}

/** A backup on the machine of a server that does not run, or of its member of etcd. */
export interface BackupCreateOptions {
  readonly dataDirectory: string;
  /** `-`: standard output. */
  readonly to: string;
  /** Encrypts it; undefined: it is not encrypted. */
  readonly passphrase: string | undefined;
}

export interface BackupRestoreOptions {
  readonly file: string;
  readonly dataDirectory: string;
  readonly engine: "embedded" | "etcd";
  /** `replace`: a server that is there and does not run is put aside. */
  readonly existing: "refuse" | "replace";
  /** A person says that nodes and servers of the old cluster, which may live, never meet those of the new one. */
  readonly oldServers: "may-answer" | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
  /** A person says that no agent can have a lease of the old life any more. */
  readonly oldLife: "leases-over" | undefined;
  readonly passphraseFile: string | undefined;
}

export interface AgentRunOptions {
  readonly dataDirectory: string;
  readonly servers: readonly string[];
  /** Undefined: its node has joined, and its certificate says who it is. */
  readonly token: string | undefined;
  readonly properties: Readonly<Record<string, string | number | boolean>>;
  /** The HA group that the node is put into when it is registered first; undefined: none. */
  readonly haGroup: string | undefined;
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

export interface BalancerRunOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** Addresses of servers to begin with; may be empty when a list is on disk. */
  readonly servers: readonly string[];
  /** May list servers; undefined: the list does not follow the cluster. */
  readonly token: string | undefined;
  readonly authorityFile: string | undefined;
  readonly check: "readyz" | "tcp";
  readonly dataDirectory: string;
  readonly connectionsMax: number;
  /** How long connections may go on when it is told to end. */
  readonly drainMs: number;
  readonly log: LogOptions;
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
  /** Becomes the launcher, as `launchAgent` does. */
  launchServer(options: ServerRunOptions, io: CliIo): Promise<Outcome>;
  /** Makes the first server of a control plane, or moves the one that is here to etcd. */
  initServer(options: ServerInitOptions, io: CliIo): Promise<Outcome>;
  joinServer(options: ServerJoinOptions, io: CliIo): Promise<Outcome>;
  joinNode(options: NodeJoinOptions, io: CliIo): Promise<Outcome>;
  /** Makes a cluster of one from what this server's member holds. */
  recoverServer(options: ServerRecoverOptions, io: CliIo): Promise<Outcome>;
  createBackup(options: BackupCreateOptions, io: CliIo): Promise<Outcome>;
  /** Makes a new cluster of one server from a backup. */
  restoreBackup(options: BackupRestoreOptions, io: CliIo): Promise<Outcome>;
  runAgent(options: AgentRunOptions, io: CliIo): Promise<Outcome>;
  /** Becomes the launcher, which runs the agent and can put another version in its place; comes back with a failure only. */
  launchAgent(options: AgentRunOptions, io: CliIo): Promise<Outcome>;
  /** Resolves when the agent of this machine has left. */
  leaveAgent(options: AgentLeaveOptions, io: CliIo): Promise<Outcome>;
  runBalancer(options: BalancerRunOptions, io: CliIo): Promise<Outcome>;
  runDemo(options: DemoRunOptions, io: CliIo): Promise<Outcome>;
  /** Gives an order to the demo that runs on this machine. */
  orderDemo(order: DemoOrder, io: CliIo): Promise<Outcome>;
}
