/**
 * Spots of the core that can be broken on purpose, one at a time, so that a test can prove that the simulator's checks
 * see it. Nothing in production chooses a mutant; only tests do, by `setMutant`.
 */

/** The rule that each one breaks comes first in its name. */
export const mutantNames = [
  /** An agent says "stopped" as soon as it has begun to stop. */
  "S1-early-word",
  /** An agent starts what it was told without asking whether that holds. */
  "S2-unasked",
  /** The deadline by which all must be dead lies after the lease's end. */
  "S3-late-deadline",
  /** A node that is silent counts as dead. */
  "S4-silence",
  /** A manager's writes do not name its election. */
  "S5-no-election",
  /** A server takes a write whose outcome nobody knows for done. */
  "S6-unknown-is-done",
  /** An agent forgets that it has carried out a move. */
  "S6-moved-again",
  /** Nobody looks whether another member of the HA group is under an upgrade. */
  "S7-slot-not-compared",
  /** An upgrade is over as soon as its version is written, before it is healthy. */
  "S7-next-before-healthy",
  /** A slot that was held for long is free again, whatever its holder does. */
  "S7-slot-freed-by-time",
  /** The last healthy copy is taken down like any other. */
  "S7-last-copy",
  /** A manager begins a second move while the first one goes on. */
  "S1-two-ways",
  /** A manager starts what is in error when a person only wants it started. */
  "S8-error-forgiven",
  /** A manager does not look at what a node has free. */
  "S8-overcommit",
  /** A manager places services on nodes whose taints they do not tolerate. */
  "S8-untolerated",
  /** A manager places services on nodes that a person has disabled, flushed or put offline. */
  "S8-not-enabled",
  /** A manager fences a node that a person has put offline. */
  "S8-offline-watched",
  /** A manager recovers services although a person has frozen the cluster, failover included. */
  "S8-frozen-failover",
  /** A manager takes services away from their volumes. */
  "S8-unbound",
  /** A manager forgets who waits for a node when one comes. */
  "S9-forgotten-waiting",
] as const;
export type MutantName = (typeof mutantNames)[number];

let chosen: MutantName | undefined;

/** Whether this spot is broken now; always false outside of tests. */
export function mutated(name: MutantName): boolean {
  return chosen === name;
}

/** Breaks one spot, or, undefined, mends it. For tests alone. */
export function setMutant(name: MutantName | undefined): void {
  chosen = name;
}
