/**
 * Moves everything from one engine to another under a running server: copies what there is, follows what changes,
 * holds the writes back for a moment, compares every key, and only then lets the caller switch. Until the switch
 * the source is the truth and untouched; what was copied may be thrown away at any point.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { err, ok, type Result } from "../../core/result.ts";
import type { Operation, Store, StoredEntry, StoreError, WatchBatch } from "../../ports/store.ts";
import { openSnapshot } from "../../runtime/manager-snapshot.ts";
import { type Comparison, compareStores } from "./compare-stores.ts";
import type { GatedStore } from "./gated-store.ts";
import { MovedLeases } from "./moved-entry.ts";

/** Steps of a move, in order; each is told when it begins. */
export const moveSteps = ["copy", "follow", "hold", "compare", "switch"] as const;
export type MoveStep = (typeof moveSteps)[number];

export interface MoveOptions {
  readonly source: GatedStore;
  /** Empty. */
  readonly target: Store;
  /**
   * Makes the target the truth, durably. It has happened if this succeeds, and not if it fails; where that is not known
   * it must throw, and nobody may write to either any more.
   */
  readonly switchOver: () => Promise<Result<void, string>>;
  readonly onStep?: ((step: MoveStep, detail: string) => void) | undefined;
  readonly signal: AbortSignal;
}

const batchOperationsMax = 200;
/** Well below what etcd takes in one request. */
const batchCharactersMax = 500_000;
/** How often the leases in the target are renewed while the copy goes on. */
const renewEveryMs = 1_000;
/** Leases that run out meanwhile change the source although its writes are held: it is compared again then. */
const comparisonsMax = 5;

/** Moves and switches. After an error the source goes on as before; after a throw of `switchOver` it stays held. */
export async function moveStore(options: MoveOptions): Promise<Result<Comparison, string>> {
  const end = new AbortController();
  const signal = AbortSignal.any([options.signal, end.signal]);
  const leases = new MovedLeases(options.target);
  const renewing = renewUntil(leases, signal);
  try {
    const moved = await move(options, leases, signal);
    if (!moved.ok) options.source.release();
    return moved;
  } finally {
    end.abort();
    await renewing;
  }
}

async function renewUntil(leases: MovedLeases, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(renewEveryMs, undefined, { signal }).catch(() => undefined); // the move is over
    if (!signal.aborted) await leases.renewAll(); // one that is lost is found when all is compared
  }
}

async function move(
  options: MoveOptions,
  leases: MovedLeases,
  signal: AbortSignal,
): Promise<Result<Comparison, string>> {
  const { source, target, onStep } = options;
  const snapshot = await openSnapshot(source, [""], signal);
  if (!snapshot.ok) return err(snapshot.error.message);
  const { entries, changes } = snapshot.value;
  onStep?.("copy", `${entries.size} keys`);
  const writer = new Writer(target, leases);
  for (const entry of entries.values()) {
    const written = await writer.put(entry);
    if (!written.ok) return err(written.error.message);
    if (signal.aborted) return err("it was interrupted");
  }
  const flushed = await writer.flush();
  if (!flushed.ok) return err(flushed.error.message);
  const follower = new Follower(changes, writer, snapshot.value.revision);
  onStep?.("follow", "what changed meanwhile");
  const followed = await follower.until(source);
  if (!followed.ok) return followed;
  onStep?.("hold", "(they wait from now on)");
  let difference: string | undefined;
  for (let turn = 0; turn < comparisonsMax && !signal.aborted; turn += 1) {
    await source.hold("writes");
    const rest = await follower.until(source);
    if (!rest.ok) return rest;
    onStep?.("compare", "every key");
    const compared = await compareStores(source, target, leases);
    if (!compared.ok) return compared;
    difference = compared.value.difference;
    if (difference !== undefined) {
      // A lease of the target may have run out while much was copied: its keys went with it.
      const again = await putLeasesAgain(source, writer, leases);
      if (!again.ok) return err(again.error.message);
      continue;
    }
    // What an agent was promised here has to hold there: no promise after the last renewal (S3).
    await source.hold("all");
    const renewed = await leases.renewAll();
    if (!renewed.ok) {
      if (renewed.error.kind !== "lease-not-found") return err(renewed.error.message);
      const again = await putLeasesAgain(source, writer, leases);
      if (!again.ok) return err(again.error.message);
      continue;
    }
    if (signal.aborted) break;
    onStep?.("switch", `${compared.value.keyCount} keys, checksum ${compared.value.sha256}`);
    const switched = await options.switchOver();
    return switched.ok ? ok(compared.value) : switched;
  }
  if (signal.aborted) return err("it was interrupted");
  const what = difference === undefined ? "" : `: they differ in "${difference}"`;
  return err(`the two engines do not hold the same${what}; nothing was switched`);
}

/** With new leases in the place of those that have run out. */
async function putLeasesAgain(
  source: Store,
  writer: Writer,
  leases: MovedLeases,
): Promise<Result<void, StoreError>> {
  const renewed = await leases.renewAll();
  if (!renewed.ok && renewed.error.kind !== "lease-not-found") return renewed;
  const read = await source.range("");
  if (!read.ok) return read;
  for (const entry of read.value.entries) {
    if (entry.leaseId === undefined) continue;
    const put = await writer.put(entry);
    if (!put.ok) return put;
  }
  return await writer.flush();
}

/** Brings the target to what the source's watch tells. */
class Follower {
  readonly #changes: AsyncIterator<Result<WatchBatch, StoreError>>;
  readonly #writer: Writer;
  #revision: number;

  constructor(
    changes: AsyncIterator<Result<WatchBatch, StoreError>>,
    writer: Writer,
    revision: number,
  ) {
    this.#changes = changes;
    this.#writer = writer;
    this.#revision = revision;
  }

  /** Until the target holds what the source holds now. */
  async until(source: Store): Promise<Result<void, string>> {
    const now = await source.get("settings");
    if (!now.ok) return err(now.error.message);
    while (this.#revision < now.value.revision) {
      const next = await this.#changes.next();
      if (next.done === true) return err("it was interrupted");
      if (!next.value.ok) return err(wordsOf(next.value.error));
      const applied = await this.#apply(next.value.value);
      if (!applied.ok) return err(applied.error.message);
      this.#revision = next.value.value.revision;
    }
    return ok(undefined);
  }

  async #apply(batch: WatchBatch): Promise<Result<void, StoreError>> {
    for (const change of batch.changes) {
      const done =
        change.kind === "put"
          ? await this.#writer.put(change.entry)
          : await this.#writer.delete(change.key);
      if (!done.ok) return done;
    }
    return await this.#writer.flush();
  }
}

function wordsOf({ kind, message }: StoreError): string {
  return kind === "compacted"
    ? "more was written meanwhile than can be followed; try again when there is less to do"
    : message;
}

/** Gathers writes into transactions that the target takes. */
class Writer {
  readonly #target: Store;
  readonly #leases: MovedLeases;
  #operations = new Map<string, Operation>();
  #characterCount = 0;

  constructor(target: Store, leases: MovedLeases) {
    this.#target = target;
    this.#leases = leases;
  }

  async put(entry: StoredEntry): Promise<Result<void, StoreError>> {
    const moved = await this.#leases.translate(entry);
    if (!moved.ok) return moved;
    if (moved.value === undefined) return ok(undefined);
    return await this.#add({ kind: "put", ...moved.value }, JSON.stringify(moved.value).length);
  }

  delete(key: string): Promise<Result<void, StoreError>> {
    return this.#add({ kind: "delete", key }, key.length);
  }

  async #add(operation: Operation, characterCount: number): Promise<Result<void, StoreError>> {
    this.#operations.set(operation.key, operation); // of one key the last word counts
    this.#characterCount += characterCount;
    const isFull =
      this.#operations.size >= batchOperationsMax || this.#characterCount >= batchCharactersMax;
    return isFull ? await this.flush() : ok(undefined);
  }

  async flush(): Promise<Result<void, StoreError>> {
    if (this.#operations.size === 0) return ok(undefined);
    const operations = [...this.#operations.values()];
    this.#operations = new Map();
    this.#characterCount = 0;
    const written = await this.#target.txn({ compare: [], then: operations });
    return written.ok ? ok(undefined) : written;
  }
}
