/** Linearizable reads of one key and of ranges; a long range is read in pages that all show the same revision. */
import { err, ok, type Result } from "../../core/result.ts";
import type {
  RangeOptions,
  RangeRead,
  StoredEntry,
  StoreError,
  StoreRevision,
} from "../../ports/store.ts";
import { refused } from "../shared/store-error.ts";
import type { Attempts } from "./client/attempts.ts";
import { readErrorOf, type Verdict } from "./client/failure.ts";
import type { RangeResponse } from "./client/messages.ts";
import { range } from "./client/methods.ts";
import type { KeySpace } from "./key-space.ts";

export interface ReadContext {
  readonly attempts: Attempts;
  readonly keys: KeySpace;
}

const pageEntriesMax = 1_000;
/** So many of the largest values fit into an answer. */
const smallPageEntriesMax = 32;
/** A range whose revision is compacted while it is read is begun anew, so often. */
const restartsMax = 3;

/** What one key was at a revision. */
export interface KeyRead {
  /** Undefined: there was none. */
  readonly entry: StoredEntry | undefined;
  readonly revision: StoreRevision;
}

/** Reads one key, in a call of its own. */
export async function readKey(
  context: ReadContext,
  key: string,
): Promise<Result<KeyRead, StoreError>> {
  const { attempts, keys } = context;
  const read = await attempts.repeatable(range, { key: keys.keyOf(key) });
  if (!read.ok) return err(readErrorOf(read.error));
  const entries = entriesOf(context, read.value);
  if (!entries.ok) return entries;
  return ok({ entry: entries.value[0], revision: keys.revisionIn(read.value.header) });
}

/** See the port: `Store.range`. */
export async function readRange(
  context: ReadContext,
  prefix: string,
  options: RangeOptions,
): Promise<Result<RangeRead, StoreError>> {
  let last: Verdict | undefined;
  for (let turn = 0; turn < restartsMax; turn++) {
    const read = await readPages(context, prefix, options);
    if (read.ok) return read;
    if ("error" in read.error) return err(read.error.error);
    last = read.error.verdict;
  }
  return err(readErrorOf(last ?? { kind: "unknown", message: "the range could not be read" }));
}

type Failed = { readonly error: StoreError } | { readonly verdict: Verdict };

async function readPages(
  context: ReadContext,
  prefix: string,
  options: RangeOptions,
): Promise<Result<RangeRead, Failed>> {
  const { attempts, keys } = context;
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  const entries: StoredEntry[] = [];
  let pageMax = pageEntriesMax;
  let revision: number | undefined;
  for (let afterKey = options.afterKey; ; ) {
    // etcd takes no limit for a limit of 0: one is read, and not handed on.
    const wanted = Math.max(1, Math.min(pageMax, limit - entries.length));
    const pinned = revision === undefined ? {} : { revision: keys.toEtcd(revision) };
    const request = { ...keys.rangeOf(prefix, afterKey), limit: wanted, ...pinned };
    const page = await attempts.repeatable(range, request);
    if (!page.ok) {
      if (page.error.kind === "compacted") return err({ verdict: page.error });
      if (page.error.kind !== "too-large" || pageMax === smallPageEntriesMax) {
        return err({ error: readErrorOf(page.error) });
      }
      pageMax = smallPageEntriesMax;
      continue;
    }
    revision ??= keys.revisionIn(page.value.header);
    const read = entriesOf(context, page.value);
    if (!read.ok) return err({ error: read.error });
    if (limit === 0) return ok({ entries, revision, more: read.value.length > 0 });
    entries.push(...read.value);
    const { more } = page.value;
    if (!more || entries.length >= limit) return ok({ entries, revision, more });
    afterKey = entries.at(-1)?.key;
  }
}

function entriesOf(
  { keys }: ReadContext,
  response: RangeResponse,
): Result<readonly StoredEntry[], StoreError> {
  const entries: StoredEntry[] = [];
  for (const kv of response.kvs) {
    const entry = keys.entryOf(kv);
    if (!entry.ok) return err(refused(entry.error));
    entries.push(entry.value);
  }
  return ok(entries);
}
