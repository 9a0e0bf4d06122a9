/**
 * Who may hold the floating address, by a record of the store and the clocks of two machines; no lease of the store
 * has a part in it. The holder renews by transactions that compare the record and its election. Who takes it over
 * writes the record, so that no later renewal succeeds, and then waits for the time that the last one may have given.
 */
import type { Clock } from "../../ports/clock.ts";
import type { Compare, Store, StoreRevision } from "../../ports/store.ts";
import { pause } from "../../runtime/manager-pulse.ts";
import { jsonOf, readRecord } from "../../runtime/manager-records.ts";
import {
  type OfficeAddressRecord,
  officeAddressRecordSchema,
} from "../../wire/control-plane/office.ts";
import { keys } from "../../wire/records.ts";
import { takeOverAfterMs } from "./address-times.ts";

export interface ClaimOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly serverId: string;
  /** For people. */
  readonly address: string;
  /** The election of the manager that it belongs to. */
  readonly term: { readonly createRevision: StoreRevision; readonly signal: AbortSignal };
}

/** The right to hold the address; it counts from the sending of each renewal that succeeds. */
export interface AddressClaim {
  /** `lost`: the record or the election is another's. `unknown`: the store did not say. */
  renew(): Promise<"renewed" | "lost" | "unknown">;
  /** Whoever comes next need not wait. Only for one who surely has the address no more. */
  release(): Promise<void>;
}

const againMs = 250;

/**
 * Claims the address, and waits until nobody else has it. Before that this server must have seen to it that it does
 * not have it itself. Undefined: the term is over.
 */
export async function claimAddress(options: ClaimOptions): Promise<AddressClaim | undefined> {
  const { term, clock } = options;
  while (!term.signal.aborted) {
    const heldAt = await tryClaim(options);
    if (heldAt !== undefined) return claimOf(options, heldAt);
    await pause(clock, againMs, term.signal);
  }
  return undefined;
}

/** The revision of the record by which it is held; undefined: try again. */
async function tryClaim(options: ClaimOptions): Promise<StoreRevision | undefined> {
  const { store, clock, serverId, term } = options;
  const read = await store.get(keys.officeAddress);
  if (!read.ok) return undefined;
  const { entry } = read.value;
  const holder =
    entry === undefined ? undefined : readRecord(officeAddressRecordSchema, entry.key, entry.value);
  const found: Compare =
    entry === undefined
      ? { kind: "absent", key: keys.officeAddress }
      : modifiedAt(entry.modRevision);
  // What this server held itself it has given up: it came here without it.
  const isFree = holder === undefined || (holder.serverId === serverId && holder.state === "held");
  if (isFree) return await write(options, found, "held");
  const waitingAt = await write(options, found, "waiting");
  if (waitingAt === undefined) return undefined;
  await pause(clock, takeOverAfterMs, term.signal);
  if (term.signal.aborted) return undefined;
  return await write(options, modifiedAt(waitingAt), "held");
}

/** The revision of what was written; undefined: something was otherwise, or the outcome is not known. */
async function write(
  options: ClaimOptions,
  found: Compare,
  state: OfficeAddressRecord["state"],
): Promise<StoreRevision | undefined> {
  const { store, serverId, address } = options;
  const value = jsonOf({ version: 1, serverId, address, state });
  const written = await store.txn({
    compare: [stillManager(options), found],
    then: [{ kind: "put", key: keys.officeAddress, value }],
  });
  return written.ok && written.value.succeeded ? written.value.revision : undefined;
}

function claimOf(options: ClaimOptions, heldAt: StoreRevision): AddressClaim {
  const { store } = options;
  return {
    async renew() {
      const compare = [stillManager(options), modifiedAt(heldAt)];
      const renewed = await store.txn({ compare, then: [] });
      if (!renewed.ok) return "unknown";
      return renewed.value.succeeded ? "renewed" : "lost";
    },
    async release() {
      // If it fails, whoever comes next waits.
      await store.txn({
        compare: [modifiedAt(heldAt)],
        then: [{ kind: "delete", key: keys.officeAddress }],
      });
    },
  };
}

function stillManager({ term }: ClaimOptions): Compare {
  return { kind: "created-at", key: keys.manager, revision: term.createRevision };
}

function modifiedAt(revision: StoreRevision): Compare {
  return { kind: "modified-at", key: keys.officeAddress, revision };
}
