/**
 * The members of a replicated store: who they are, how they are, and how one is added, promoted and removed. One that
 * joins is a learner first, which changes no quorum, and is promoted when it has caught up.
 */
import type { Result } from "../core/result.ts";

/** A member's identity: a decimal number as text, never used again. */
export type MemberId = string;

/** A member as the cluster knows it. */
export interface StoreMember {
  readonly id: MemberId;
  /** Empty until it has started for the first time. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  /** Empty until it has started for the first time. */
  readonly clientUrls: readonly string[];
  /** Follows the log and has no vote yet. */
  readonly isLearner: boolean;
}

/** What a member says of itself; it needs no leader for that. */
export interface StoreMemberStatus {
  readonly memberId: MemberId;
  /** Undefined: it knows of no leader. */
  readonly leaderId: MemberId | undefined;
  readonly raftTerm: number;
  /** The last entry of its log that is agreed upon. */
  readonly raftIndex: number;
  /** The last entry that it has carried out. */
  readonly appliedIndex: number;
  readonly sizeBytes: number;
  readonly version: string;
  readonly isLearner: boolean;
  /** Alarms and other faults, in its own words. */
  readonly faults: readonly string[];
}

/**
 * `too-many-learners`: another one joins now. `not-in-sync`: a learner that has not caught up. `unhealthy-cluster`: not
 * all members have been connected for some seconds, as right after a join. `not-enough-started`: a member that was
 * added has not started yet. All four: nothing was done, try again later. `not-found`, `already-member`,
 * `not-a-learner`: what was to be done is done, or never can be. `refused`, `unavailable`: nothing was done.
 * `unknown-outcome`: look at the list of members.
 */
export interface MemberError {
  readonly kind:
    | "too-many-learners"
    | "not-in-sync"
    | "unhealthy-cluster"
    | "not-enough-started"
    | "not-found"
    | "already-member"
    | "not-a-learner"
    | "refused"
    | "unavailable"
    | "unknown-outcome";
  /** One sentence for a person. */
  readonly message: string;
}

/** Looks after the members. Methods never reject for what the world does, and all end within some seconds. */
export interface MemberAdmin {
  /** All members, confirmed by a quorum; or, of `endpoint`, as that one knows them, which needs no quorum. */
  memberList(endpoint?: string): Promise<Result<readonly StoreMember[], MemberError>>;
  /** Adds a member that is to start with an empty data folder; the answer is its identity. */
  memberAddAsLearner(peerUrl: string): Promise<Result<StoreMember, MemberError>>;
  /** Gives a learner its vote. */
  promote(memberId: MemberId): Promise<Result<void, MemberError>>;
  /** Takes a member out for good: it can never come back with its data. */
  remove(memberId: MemberId): Promise<Result<void, MemberError>>;
  /** Asks one member about itself. */
  status(endpoint: string): Promise<Result<StoreMemberStatus, MemberError>>;
  /** Whether this member belongs to a quorum: a linearizable read there succeeds. */
  health(endpoint: string): Promise<Result<void, MemberError>>;
  /** Writes one member's data to a new file (mode 0600); needs no quorum. The answer is its size in bytes. */
  snapshot(endpoint: string, file: string): Promise<Result<number, MemberError>>;
  /** Other members to speak to. */
  setEndpoints(urls: readonly string[]): void;
  /** Ends all connections. Idempotent. */
  close(): Promise<void>;
}
