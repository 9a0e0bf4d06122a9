/** Finds where the numbered records below `events/` end, without reading them all. */
import { ok, type Result } from "../core/result.ts";
import type { Store, StoreError } from "../ports/store.ts";
import { keys } from "../wire/records.ts";
import { eventKey } from "./event-operations.ts";

/**
 * The highest sequence in the store, 0 when there is none. The records are numbered without gaps, at most about
 * `keptMax` of them are kept: the first is read, then the end is found by halving.
 */
export async function findLastSequence(
  store: Store,
  keptMax: number,
): Promise<Result<number, StoreError>> {
  const first = await store.range(keys.events, { limit: 1 });
  if (!first.ok) return first;
  const [entry] = first.value.entries;
  if (entry === undefined) return ok(0);
  let low = Number(entry.key.slice(keys.events.length));
  let high = low + 2 * keptMax;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const read = await store.range(keys.events, { limit: 1, afterKey: eventKey(middle) });
    if (!read.ok) return read;
    const [later] = read.value.entries;
    if (later === undefined) high = middle;
    else low = Number(later.key.slice(keys.events.length));
  }
  return ok(low);
}
