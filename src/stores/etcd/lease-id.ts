/** Lease ids are etcd's: positive numbers of 63 bits, as decimal text. */
import type { LeaseId } from "../../ports/store.ts";

const largest = 2n ** 63n - 1n;

/** The largest number; etcd makes its ids of a member's id, the time and a counter, and never comes to it. */
export const neverALease: LeaseId = largest.toString();

/** Whether etcd could have given this id. */
export function isLeaseId(text: LeaseId): boolean {
  return /^[1-9]\d{0,18}$/.test(text) && BigInt(text) < largest;
}
