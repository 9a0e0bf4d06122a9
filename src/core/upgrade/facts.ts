/** What the steps of an upgrade look at, and what they have done. */
import type { UpgradePackage } from "./model.ts";

/** What a server is told to become. Carried out once for each `id`. */
export interface ServerOrder {
  readonly id: string;
  readonly order: "prepare" | "switch";
  readonly package: UpgradePackage;
  /** The new version counts as healthy, too, while all that it waits for is this schema of the store. */
  readonly schema: number;
}

/** What a server says of its order. */
export const serverUpgradeStates = [
  "waiting",
  "prepared",
  "switched",
  "healthy",
  "failed",
  "rolled-back",
] as const;
export type ServerUpgradeState = (typeof serverUpgradeStates)[number];

/** One server of the control plane. */
export interface ServerFact {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** It has given a sign of life within the time of its lease. */
  readonly isAlive: boolean;
  /** It answers calls: its store is in sync, and it is not waiting for anything. */
  readonly isReady: boolean;
  readonly isManager: boolean;
  readonly order: ServerOrder | undefined;
  readonly report:
    | { readonly id: string; readonly state: ServerUpgradeState; readonly detail: string }
    | undefined;
}

/** What was done beside the store for a step: once it is known, the step goes on by it. */
export interface ActResult {
  /** Of the step. */
  readonly name: string;
  /** `refused`: the way back is closed for good; the way on is not. */
  readonly outcome: "done" | "failed" | "refused";
  readonly detail: string;
  readonly backup?: { readonly server: string; readonly file: string; readonly sha256: string };
}

/** The agents that the upgrade is about, and how far they are. */
export interface AgentFacts {
  /** What the upgrade's own management policy was written for, see `agentOrderOf`; undefined: there is none. */
  readonly order: string | undefined;
  /** The policy's window is over, or a person has switched it off: what is under way ends, and nothing else is begun. */
  readonly isHeld: boolean;
  readonly total: number;
  /** Of them those that have the version that they are to have. */
  readonly there: number;
  /** Agents that are just installing; those that download or wait for their turn are not counted. */
  readonly underWay: number;
  /** Those that cannot become it, each with its reason. */
  readonly failed: readonly string[];
  /** What others wait for, each as a sentence's part that begins with the node's name. */
  readonly waits: readonly string[];
  /** Nodes that follow when they can: a person holds them back, or they are gone; each with the reason. */
  readonly later: readonly string[];
}

/** All that a step may look at. */
export interface UpgradeFacts {
  readonly servers: readonly ServerFact[];
  /** Schema of the store now; 0: it is being brought from one to another. */
  readonly schema: number;
  /** Who holds the freeze: an upgrade's id, or somebody else; undefined: the cluster is not frozen. */
  readonly frozenBy: string | undefined;
  /** What is neither one thing nor the other, e.g. `process:api is migrating, for 12 s`; the longest first. */
  readonly transients: readonly string[];
  /** The shortest life of a node's live lease, in ms; undefined: no node holds one. */
  readonly leaseTtlMsMin: number | undefined;
  /** The one that carries it on waits for the store's schema, as all servers do that are of its version. */
  readonly isDark: boolean;
  /** Agents still take long leases, as they were told that nobody may answer them. */
  readonly isSilent: boolean;
  /** The agents that the upgrade is about: how many have the version that they are to have, and what failed. */
  readonly agents: AgentFacts;
  /** What came of the act that was asked for last. */
  readonly act: ActResult | undefined;
}

/** A write that belongs to a step; all of one round are one transaction with the upgrade itself. */
export type UpgradeWrite =
  | { readonly kind: "order-server"; readonly server: string; readonly order: ServerOrder }
  | { readonly kind: "forget-order"; readonly server: string }
  | { readonly kind: "freeze" }
  | { readonly kind: "unfreeze" }
  /** Agents are to expect that nobody answers: their leases get this life until it is ended. */
  | { readonly kind: "announce-silence"; readonly ttlMs: number }
  | { readonly kind: "end-silence" }
  /** Agents are to become this version, by a management policy of the upgrade's own. */
  | { readonly kind: "upgrade-agents"; readonly version: string; readonly order: string }
  /** No further agent begins. */
  | { readonly kind: "hold-agents" }
  | { readonly kind: "leave-agents" };

/** What has to be done beside the store, by the manager's server. */
export type UpgradeAct = "check" | "backup" | "migrate" | "check-back" | "restore";
