/**
 * Tells apart what went wrong with a call of etcd's: certainly not done, refused, or of unknown outcome. In doubt it is
 * unknown: only what etcd says before it proposes anything, or what never left this process, was certainly not done.
 */
import { status } from "@grpc/grpc-js";
import { assertNever } from "../../../core/assert.ts";
import type { LeaseId, StoreError } from "../../../ports/store.ts";

/** How a call failed. */
export interface CallFailure {
  /** gRPC's status code. */
  readonly code: number;
  /** etcd's words, or gRPC's. */
  readonly details: string;
  /** Whether it left this process; false is certain. */
  readonly wasSent: boolean;
}

/**
 * `not-done`: may be tried again, elsewhere or later. `refused`: etcd will not do it, anywhere, now. `unknown`: done or
 * not, and maybe still to be done. `full`: there is no room any more; see `room.ts`. `too-large`: etcd's answer to a read
 * is larger than is taken.
 */
export interface Verdict {
  readonly kind:
    | "not-done"
    | "refused"
    | "lease-not-found"
    | "compacted"
    | "full"
    | "too-large"
    | "unknown";
  readonly message: string;
}

/** etcd's words for what it did not even propose; they may succeed on another member or in a moment. */
const notProposed =
  /^etcdserver: (no leader|not leader|too many requests|not capable|rpc not supported for learner)|^raft proposal dropped/;
const noRoom = /database space exceeded/;
const tooManyOperations = /too many operations in txn request/;
const tooLarge = /request is too large|received message larger than max/;

const answerTooLarge = /^Received message larger than max/;

/** What a failure means for whoever wanted the call. */
export function verdictOf(failure: CallFailure): Verdict {
  const { code, details } = failure;
  if (!failure.wasSent || notProposed.test(details)) return { kind: "not-done", message: details };
  if (noRoom.test(details)) return { kind: "full", message: noRoomSentence };
  if (tooManyOperations.test(details)) return { kind: "refused", message: operationsSentence };
  if (tooLarge.test(details)) return { kind: "refused", message: sizeSentence };
  if (answerTooLarge.test(details)) return { kind: "too-large", message: details };
  switch (code) {
    case status.NOT_FOUND:
      if (details.includes("lease not found")) return { kind: "lease-not-found", message: details };
      return { kind: "refused", message: details };
    case status.OUT_OF_RANGE:
      if (details.includes("has been compacted")) return { kind: "compacted", message: details };
      return { kind: "refused", message: details };
    case status.INVALID_ARGUMENT:
    case status.FAILED_PRECONDITION:
    case status.PERMISSION_DENIED:
    case status.UNAUTHENTICATED:
    case status.UNIMPLEMENTED:
    case status.DATA_LOSS:
      return { kind: "refused", message: `etcd refuses: ${details}` };
    default:
      return { kind: "unknown", message: details };
  }
}

/** What a person has to do. */
export const noRoomSentence =
  "etcd's database is full: compact and defragment it or raise --quota-backend-bytes, then disarm the alarm (etcdctl alarm disarm)";
const operationsSentence =
  "etcd allows too few operations in a transaction: start its members with --max-txn-ops=2048";
const sizeSentence =
  "etcd allows too small requests: start its members with --max-request-bytes=16777216";

/** The store's error for a read, which changes nothing and so never has an unknown outcome. */
export function readErrorOf(verdict: Verdict): StoreError {
  const isRefused = verdict.kind === "refused" || verdict.kind === "too-large";
  const kind = isRefused ? "refused" : "unavailable";
  return { kind, message: verdict.message, mayHaveTakenEffect: false };
}

/** The store's error for a write; `leaseIds` are those that it named. */
export function writeErrorOf(verdict: Verdict, leaseIds: readonly LeaseId[] = []): StoreError {
  switch (verdict.kind) {
    case "lease-not-found": {
      const message = `a lease is over, or never was: one of "${leaseIds.join('", "')}"`;
      return { kind: "lease-not-found", message, mayHaveTakenEffect: false };
    }
    case "refused":
      return { kind: "refused", message: verdict.message, mayHaveTakenEffect: false };
    case "not-done":
    case "compacted":
      return { kind: "unavailable", message: verdict.message, mayHaveTakenEffect: false };
    case "full":
    case "too-large":
    case "unknown":
      return {
        kind: "unavailable",
        message: `whether etcd did it is unknown: ${verdict.message}`,
        mayHaveTakenEffect: true,
      };
    default:
      return assertNever(verdict.kind);
  }
}
