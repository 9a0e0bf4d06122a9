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
  readonly outcome: "done" | "failed";
  readonly detail: string;
  readonly backup?: { readonly server: string; readonly file: string; readonly sha256: string };
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
  /** The agents that the upgrade is about: how many have the version that they are to have, and what failed. */
  readonly agents: {
    /** The version that the upgrade's own management policy asks for; undefined: there is none. */
    readonly version: string | undefined;
    readonly total: number;
    readonly there: number;
    readonly failed: readonly string[];
  };
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
  | { readonly kind: "upgrade-agents"; readonly version: string }
  | { readonly kind: "leave-agents" };

/** What has to be done beside the store, by the manager's server. */
export type UpgradeAct = "check" | "backup" | "migrate" | "restore";
