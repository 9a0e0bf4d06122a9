/**
 * The queue of servers that come in: one at a time may be a learner, so each waits for those that were there before. A
 * place in it hangs on a lease, so that one that died on the way holds up nobody.
 */
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { LeaseId, Store } from "../../ports/store.ts";
import { pause } from "../../runtime/manager-pulse.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import { keys } from "../../wire/records.ts";
import type { JoinRecord } from "../../wire/servers.ts";
import { notFrozen } from "../not-frozen.ts";

/** A joining server that is not heard of for so long has lost its place. */
const placeTtlMs = 15_000;
const renewEveryMs = 3_000;

export interface TurnOptions {
  readonly store: Store;
  readonly record: JoinRecord;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Its member is in already: it goes on in a frozen cluster too, which may need its vote to be unfrozen. */
  readonly isMember: boolean;
}

export interface Turn {
  /** Gives the place back; the next one's turn comes at once. Idempotent. */
  end(): Promise<void>;
}

/** Takes a place and waits until it is the first one. */
export async function waitForTurn(options: TurnOptions): Promise<Result<Turn, string>> {
  const { store, record, signal, clock, isMember } = options;
  const thawed = isMember ? undefined : await notFrozen(store, clock.wallMs());
  if (thawed?.ok === false) return thawed;
  const lease = await store.grantLease(placeTtlMs);
  if (!lease.ok) return err(lease.error.message);
  const key = `${keys.joins}${record.id}`;
  const placed = await store.txn({
    compare: thawed === undefined ? [] : [thawed.value],
    then: [{ kind: "put", key, value: jsonOf(record), leaseId: lease.value }],
  });
  if (!placed.ok) return err(placed.error.message);
  if (!placed.value.succeeded) return err("the cluster was frozen just now; start it again");
  const over = new AbortController();
  const renewing = renewUntil(options, lease.value, AbortSignal.any([signal, over.signal]));
  const turn: Turn = {
    async end() {
      over.abort();
      await renewing;
      await store.revokeLease(lease.value); // if this fails, the lease runs out by itself
    },
  };
  const first = await untilFirst(options, key);
  if (first.ok) return ok(turn);
  await turn.end();
  return first;
}

async function renewUntil(
  { store, clock }: TurnOptions,
  lease: LeaseId,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await pause(clock, renewEveryMs, signal);
    if (!signal.aborted) await store.keepLeaseAlive(lease); // one that fails is followed by another
  }
}

async function untilFirst(options: TurnOptions, key: string): Promise<Result<void, string>> {
  const { store, log, signal } = options;
  let said = -1;
  while (!signal.aborted) {
    const read = await store.range(keys.joins);
    if (!read.ok) return err(read.error.message);
    const own = read.value.entries.find((entry) => entry.key === key);
    if (own === undefined) return err("its place among those that join was lost; start it again");
    const before = read.value.entries.filter(
      ({ createRevision }) => createRevision < own.createRevision,
    ).length;
    if (before === 0) return ok(undefined);
    if (before !== said) log.write("info", `waits for its turn to join: ${before} before it`);
    said = before;
    const changed = await nextChange(store, read.value.revision + 1, signal);
    if (!changed.ok) return changed;
  }
  return err("it was told to end");
}

async function nextChange(
  store: Store,
  fromRevision: number,
  signal: AbortSignal,
): Promise<Result<void, string>> {
  const enough = new AbortController();
  const options = { fromRevision, signal: AbortSignal.any([signal, enough.signal]) };
  try {
    for await (const batch of store.watch(keys.joins, options)) {
      return batch.ok || batch.error.kind === "compacted"
        ? ok(undefined)
        : err(batch.error.message);
    }
    return ok(undefined);
  } finally {
    enough.abort();
  }
}
