/**
 * Reads everything below some prefixes as of one revision and goes on with the changes after it. Each range read
 * shows a revision of its own, so the reads are brought to the latest of them by replaying what lies between.
 */
import { err, ok, type Result } from "../core/result.ts";
import type { Store, StoredEntry, StoreError, StoreRevision, WatchBatch } from "../ports/store.ts";

export interface Snapshot {
  /** In order of the prefixes, then of the keys. */
  readonly entries: ReadonlyMap<string, StoredEntry>;
  /** What `entries` shows. */
  readonly revision: StoreRevision;
  /** The batches after `revision`, of the whole store. Ends with the signal. */
  readonly changes: AsyncIterator<Result<WatchBatch, StoreError>>;
}

interface ReadPart {
  readonly prefix: string;
  readonly revision: StoreRevision;
}

/** Opens a snapshot of all keys below `prefixes`, which must not contain each other. */
export async function openSnapshot(
  store: Store,
  prefixes: readonly string[],
  signal: AbortSignal,
): Promise<Result<Snapshot, StoreError>> {
  const entries = new Map<string, StoredEntry>();
  const parts: ReadPart[] = [];
  for (const prefix of prefixes) {
    const read = await store.range(prefix);
    if (!read.ok) return read;
    for (const entry of read.value.entries) entries.set(entry.key, entry);
    parts.push({ prefix, revision: read.value.revision });
  }
  const lowest = Math.min(...parts.map((part) => part.revision));
  const highest = Math.max(...parts.map((part) => part.revision));
  const changes = store.watch("", { fromRevision: lowest + 1, signal })[Symbol.asyncIterator]();
  let revision = lowest;
  while (revision < highest) {
    const next = await changes.next();
    if (next.done === true) return err(ended());
    if (!next.value.ok) return next.value;
    replay(entries, parts, next.value.value);
    revision = next.value.value.revision;
  }
  return ok({ entries, revision, changes });
}

function replay(
  entries: Map<string, StoredEntry>,
  parts: readonly ReadPart[],
  batch: WatchBatch,
): void {
  for (const change of batch.changes) {
    const key = change.kind === "put" ? change.entry.key : change.key;
    const part = parts.find(({ prefix }) => key.startsWith(prefix));
    if (part === undefined || batch.revision <= part.revision) continue;
    if (change.kind === "put") entries.set(key, change.entry);
    else entries.delete(key);
  }
}

function ended(): StoreError {
  return { kind: "closed", message: "the watch ended", mayHaveTakenEffect: false };
}
