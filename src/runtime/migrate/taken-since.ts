/** What was written after a migration, and what that means for the way back. */
import { err, ok, type Result } from "../../core/result.ts";
import type { Store, StoredEntry } from "../../ports/store.ts";
import type { SchemaRecord } from "../../wire/control-plane/store-schema.ts";
import { keys } from "../../wire/records.ts";
import { firstBeforeImages } from "./before-images.ts";
import { type Part, partOf } from "./part.ts";
import type { EntryCheck } from "./rehearse.ts";
import { pagesOf } from "./walk.ts";

/**
 * What the cluster has decided, and agents and nodes go by: an older word about it could have something run twice (S1) or
 * let an old epoch count again (S4).
 */
const decided: readonly string[] = [
  keys.epochs,
  keys.leases,
  keys.statuses,
  keys.instances,
  keys.upgradeSlots,
  keys.agentUpgrades,
];
/** What belongs to a service, and goes with it. */
const belongings: readonly string[] = [keys.statuses, keys.reports, keys.commands];
const namedMax = 5;

/** Why the data of before cannot come back, as a sentence; undefined: they can. */
export async function findConflict(
  store: Pick<Store, "get" | "range">,
  signal: AbortSignal,
): Promise<Result<string | undefined, string>> {
  const found: string[] = [];
  let afterKey: string | undefined;
  for (;;) {
    if (signal.aborted) return err("it was interrupted");
    const images = await firstBeforeImages(store, afterKey);
    if (!images.ok) return err(images.error.message);
    afterKey = images.value.at(-1)?.imageKey;
    if (afterKey === undefined) break;
    for (const { key, record, revision } of images.value) {
      if (!decided.some((prefix) => key.startsWith(prefix))) continue;
      for (const name of record.becomes) {
        const live = await store.get(name);
        if (!live.ok) return err(live.error.message);
        if (live.value.entry?.modRevision !== revision) found.push(name);
      }
    }
  }
  if (found.length === 0) return ok(undefined);
  const more = found.length > namedMax ? ` and ${found.length - namedMax} more` : "";
  return ok(
    `the new version has decided about ${found.slice(0, namedMax).join(", ")}${more} since`,
  );
}

/** Removes what this program cannot read because it was added since; the answer is how many entries that were. */
export async function removeAdded(
  store: Pick<Store, "range" | "txn">,
  {
    before,
    check,
    signal,
  }: {
    readonly before: SchemaRecord["before"];
    readonly check: EntryCheck;
    readonly signal: AbortSignal;
  },
): Promise<Part<number>> {
  let count = 0;
  for await (const page of pagesOf(store)) {
    if (!page.ok) return { kind: "again", because: page.error.message };
    if (signal.aborted) return { kind: "failed", because: "it was interrupted" };
    const added = page.value.filter(
      (entry) => entry.createRevision > (before?.revision ?? 0) && check(entry) !== undefined,
    );
    for (const entry of added) {
      const removed = await remove(store, entry);
      if (removed.kind !== "done") return removed;
      count += 1;
    }
  }
  return { kind: "done", value: count };
}

async function remove(
  store: Pick<Store, "txn">,
  { key, modRevision: revision }: StoredEntry,
): Promise<Part<undefined>> {
  const service = key.startsWith(keys.services) ? key.slice(keys.services.length) : undefined;
  const more = service === undefined ? [] : belongings.map((prefix) => `${prefix}${service}`);
  const written = await store.txn({
    compare: [{ kind: "modified-at", key, revision }],
    then: [key, ...more].map((each) => ({ kind: "delete", key: each })),
  });
  return partOf(written, undefined);
}
