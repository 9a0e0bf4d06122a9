/** The `StoreError` values that the embedded stores answer with. */
import type { LeaseId, StoreError } from "../../ports/store.ts";

/** The store did nothing, because of the request or for lack of room. */
export function refused(message: string): StoreError {
  return { kind: "refused", message, mayHaveTakenEffect: false };
}

/** The lease expired, was revoked, or never was. */
export function leaseNotFound(leaseId: LeaseId): StoreError {
  return {
    kind: "lease-not-found",
    message: `lease "${leaseId}" is over, or never was`,
    mayHaveTakenEffect: false,
  };
}

/** The store was closed, by its owner or by itself; `why` says which. */
export function closed(why: string): StoreError {
  return { kind: "closed", message: why, mayHaveTakenEffect: false };
}

/** The watched revision is no longer in the history. */
export function compacted(fromRevision: number): StoreError {
  return {
    kind: "compacted",
    message: `the changes from revision ${fromRevision} on are no longer kept: read anew`,
    mayHaveTakenEffect: false,
  };
}
