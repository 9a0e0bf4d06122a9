/** What is done beside the API on a person's word is refused in a frozen cluster, too, by a condition of the write itself. */
import { freezeWords, isInForce } from "../core/model/freeze.ts";
import { err, ok, type Result } from "../core/result.ts";
import { instantMs } from "../core/time.ts";
import type { Compare, Store } from "../ports/store.ts";
import { freezeOf, readRecord } from "../runtime/manager-records.ts";
import { freezeRecordSchema, keys } from "../wire/records.ts";

/** Holds as long as nobody freezes the cluster. The error says who has, and how that is ended. */
export async function notFrozen(store: Store, nowMs: number): Promise<Result<Compare, string>> {
  const key = keys.freeze;
  const read = await store.get(key);
  if (!read.ok) return err(read.error.message);
  const { entry } = read.value;
  if (entry === undefined) return ok({ kind: "absent", key });
  const freeze = freezeOf(readRecord(freezeRecordSchema, key, entry.value));
  if (!isInForce(freeze, instantMs(nowMs))) {
    return ok({ kind: "modified-at", key, revision: entry.modRevision });
  }
  return err(
    `the cluster is ${freezeWords(freeze)}; wait until that is over, or end it with: holdfast cluster unfreeze`,
  );
}
