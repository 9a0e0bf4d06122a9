/** Cluster-wide settings that the core decides with. */
import { type DurationMs, durationMs } from "../time.ts";
import { type LeaseTimes, type ProfileName, profiles } from "./times.ts";

/**
 * What becomes of a node's services when the node is shut down. `freeze`: stopped, they wait for the node.
 * `failover`: stopped, and recovered elsewhere. `conditional`: freeze for a reboot, failover for a power-off.
 * `migrate`: moved away first.
 */
export const shutdownPolicies = ["freeze", "failover", "conditional", "migrate"] as const;
export type ShutdownPolicy = (typeof shutdownPolicies)[number];

/** How a node is chosen: by number of services, by what they may use at most, or by what they use. */
export const schedulers = ["basic", "static", "dynamic"] as const;
export type Scheduler = (typeof schedulers)[number];

/** How the best move is found: the least imbalance after it, or the schedulers' criteria. */
export const balanceMethods = ["bruteforce", "topsis"] as const;
/** One of them. */
export type BalanceMethod = (typeof balanceMethods)[number];

/** Moving services by itself when nodes are loaded unevenly for a while. */
export interface AutoRebalance {
  readonly method: BalanceMethod;
  /** Imbalance above which something is done. */
  readonly threshold: number;
  /** Rounds in a row for which the imbalance must have lasted. */
  readonly holdRounds: number;
  /** Least relative improvement that is worth a move. */
  readonly margin: number;
}

/** Slows recovery down when so much is lost at once that the rest could break under it. */
export interface MassFailureBrake {
  /** Share of the nodes (0 to 1) that must be lost for it to act: more than this. */
  readonly lostShare: number;
  /** Recovered services that may be on their way to running at a time. */
  readonly recoveriesAtOnce: number;
}

/** All of them, with nothing left open. */
export interface ClusterSettings {
  readonly profile: ProfileName;
  /** The times in force: the profile's, or what a person set instead. */
  readonly times: LeaseTimes;
  /**
   * How long a node must be missed before its services are fenced. 0 in a running cluster, because a lease
   * that expired in the store is proof enough (S4); other systems' waiting time can be set.
   */
  readonly suspectMs: DurationMs;
  /** On a cold start services without a node wait so long at most for known nodes; 0: not at all. */
  readonly coldStartMs: DurationMs;
  readonly shutdownPolicy: ShutdownPolicy;
  readonly scheduler: Scheduler;
  /** Choose the best node again whenever a service is requested started. */
  readonly rebalanceOnStart: boolean;
  /** Undefined: off. Acts with the schedulers `static` and `dynamic` only. */
  readonly autoRebalance: AutoRebalance | undefined;
  /** How often the manager looks at what no event tells: balance, moves that failed. */
  readonly roundMs: DurationMs;
  /** A node that is registered no longer is forgotten after so long. */
  readonly goneAfterMs: DurationMs;
  /** A node or server that has been lost for so long is taken out of the cluster; 0: never. */
  readonly purgeAfterMs: DurationMs;
  /** No server is taken out while fewer than so many others are ready. */
  readonly readyServersMin: number;
  readonly brake: MassFailureBrake;
}

/** The settings of a cluster that nobody has set. */
export const defaultSettings: ClusterSettings = settingsOfProfile("balanced");

/** The settings that a profile's name stands for. */
export function settingsOfProfile(profile: ProfileName): ClusterSettings {
  return {
    profile,
    times: profiles[profile],
    suspectMs: durationMs(0),
    coldStartMs: profiles[profile].ttlMs,
    shutdownPolicy: "conditional",
    scheduler: "basic",
    rebalanceOnStart: false,
    autoRebalance: undefined,
    roundMs: durationMs(10_000),
    goneAfterMs: durationMs(3_600_000),
    purgeAfterMs: durationMs(3_600_000),
    readyServersMin: 1,
    brake: { lostShare: 0.5, recoveriesAtOnce: 10 },
  };
}
