/** One transaction of a migration: the next entries that it concerns, with how far it has come. */
import { assert } from "../../core/assert.ts";
import { type MigrationPlan, migrateEntry } from "../../core/migrations/plan.ts";
import type { Compare, Operation, Store, StoredEntry, Txn } from "../../ports/store.ts";
import type { MigrationRecord } from "../../wire/control-plane/store-schema.ts";
import { keys } from "../../wire/records.ts";
import { jsonOf } from "../manager-records.ts";
import { beforeImageOf } from "./before-images.ts";
import { type Part, partOf } from "./part.ts";
import { isSame } from "./rehearse.ts";
import type { MigrationReading } from "./stored-schema.ts";
import { pagesOf } from "./walk.ts";

/** Well below what every store takes in one transaction. */
const operationsMax = 600;
const charactersMax = 2_000_000;
/** Of one entry. */
const becomesMax = 100;
/** Entries that need no change go by without a write; so many at most are looked at again after a crash. */
const lookedAtMax = 20_000;

/**
 * Migrates the next entries; `none`: there are none left. What was written after the migration began is of the new schema,
 * and left alone.
 */
export async function migrateNext(
  store: Pick<Store, "range" | "txn">,
  plan: MigrationPlan,
  begun: MigrationReading,
): Promise<Part<"more" | "none">> {
  const batch = new Batch(plan, begun);
  for await (const page of pagesOf(store, begun.record.lastKey)) {
    if (!page.ok) return { kind: "again", because: page.error.message };
    for (const entry of page.value) if (!batch.isFull) batch.add(entry);
    if (batch.isFull) break;
  }
  if (batch.isEmpty) return { kind: "done", value: "none" };
  return partOf(await store.txn(batch.finished()), "more");
}

class Batch {
  readonly #plan: MigrationPlan;
  readonly #begun: MigrationReading;
  readonly #compare: Compare[] = [];
  readonly #operations: Operation[] = [];
  #characterCount = 0;
  #lastKey: string | undefined;
  #lookedAtCount = 0;
  #doneCount = 0;
  #changedCount = 0;
  #keptCount = 0;

  constructor(plan: MigrationPlan, begun: MigrationReading) {
    this.#plan = plan;
    this.#begun = begun;
  }

  get isEmpty(): boolean {
    return this.#lookedAtCount === 0;
  }

  get isFull(): boolean {
    return (
      this.#operations.length >= operationsMax ||
      this.#characterCount >= charactersMax ||
      this.#lookedAtCount >= lookedAtMax
    );
  }

  add(entry: StoredEntry): void {
    this.#lastKey = entry.key;
    this.#lookedAtCount += 1;
    if (entry.modRevision > this.#begun.begunAtRevision) return;
    this.#doneCount += 1;
    const becomes = migrateEntry(this.#plan, entry);
    assert(becomes.length <= becomesMax, "a migration makes few entries of one");
    if (entry.leaseId === undefined) this.#keptCount += becomes.length;
    if (isSame(entry, becomes)) return;
    this.#changedCount += 1;
    const { key, modRevision: revision, leaseId } = entry;
    this.#compare.push({ kind: "modified-at", key, revision });
    for (const one of becomes) {
      if (one.key !== key) this.#compare.push({ kind: "absent", key: one.key });
      this.#operations.push({ kind: "put", ...one, leaseId });
      this.#characterCount += one.key.length + JSON.stringify(one.value).length;
    }
    if (becomes.every((one) => one.key !== key)) this.#operations.push({ kind: "delete", key });
    if (this.#begun.record.keepsBefore !== true) return;
    this.#operations.push(
      beforeImageOf(
        entry,
        becomes.map((one) => one.key),
      ),
    );
    this.#characterCount += key.length + JSON.stringify(entry.value).length;
  }

  /** Progress is part of the very transaction that makes it. */
  finished(): Txn {
    const { record, revision } = this.#begun;
    const next: MigrationRecord = {
      ...record,
      lastKey: this.#lastKey,
      doneCount: record.doneCount + this.#doneCount,
      changedCount: record.changedCount + this.#changedCount,
      keptCount: record.keptCount + this.#keptCount,
    };
    return {
      compare: [{ kind: "modified-at", key: keys.migration, revision }, ...this.#compare],
      then: [...this.#operations, { kind: "put", key: keys.migration, value: jsonOf(next) }],
    };
  }
}
