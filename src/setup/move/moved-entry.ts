/**
 * What a key becomes in the other engine. A lease is a lease of the engine that holds it: a node's record is moved to
 * a new one with the same time to live. What else hangs on a lease belongs to a process and is made anew by it.
 */

import { ok, type Result } from "../../core/result.ts";
import type { JsonValue, LeaseId, Store, StoredEntry, StoreError } from "../../ports/store.ts";
import { jsonOf, readRecord } from "../../runtime/manager-records.ts";
import { keys, leaseRecordSchema } from "../../wire/records.ts";
import { timesOf } from "../../wire/settings.ts";

/** A key as it is put into the target. */
export interface MovedEntry {
  readonly key: string;
  readonly value: JsonValue;
  readonly leaseId: LeaseId | undefined;
}

/** What a record says of a lease of the target; see `Store.leaseEra`. */
interface GrantedLease {
  readonly leaseId: LeaseId;
  readonly era?: number;
}

/** Leases of the target by those of the source. */
export class MovedLeases {
  readonly #target: Store;
  readonly #leases = new Map<LeaseId, GrantedLease>();

  constructor(target: Store) {
    this.#target = target;
  }

  /** What the entry becomes; undefined: it is not moved. */
  async translate(entry: StoredEntry): Promise<Result<MovedEntry | undefined, StoreError>> {
    const { key, value } = entry;
    if (entry.leaseId === undefined) return ok({ key, value, leaseId: undefined });
    if (!key.startsWith(keys.leases)) return ok(undefined);
    const record = readRecord(leaseRecordSchema, key, value);
    const { ttlMs } = record.times ?? timesOf({ profile: "patient" });
    const lease = await this.#leaseFor(entry.leaseId, ttlMs);
    if (!lease.ok) return lease;
    const { leaseId } = lease.value;
    return ok({ key, value: jsonOf({ ...record, ...lease.value }), leaseId });
  }

  async #leaseFor(source: LeaseId, ttlMs: number): Promise<Result<GrantedLease, StoreError>> {
    const known = this.#leases.get(source);
    if (known !== undefined) return ok(known);
    const era = this.#target.leaseEra?.(); // before the grant: it is of this era or of a later one
    const granted = await this.#target.grantLease(ttlMs);
    if (!granted.ok) return granted;
    const lease = { leaseId: granted.value, ...(era === undefined ? {} : { era }) };
    this.#leases.set(source, lease);
    return ok(lease);
  }

  /** Gives every lease its full time again. The error names the first that could not be renewed. */
  async renewAll(): Promise<Result<void, StoreError>> {
    const renewals = [...this.#leases].map(async ([source, { leaseId }]) => {
      const renewed = await this.#target.keepLeaseAlive(leaseId);
      // It ran out here although its node still holds it there: the node's key has to be put again, with a new one.
      if (!renewed.ok && renewed.error.kind === "lease-not-found") this.#leases.delete(source);
      return renewed;
    });
    for (const renewed of await Promise.all(renewals)) if (!renewed.ok) return renewed;
    return ok(undefined);
  }
}
