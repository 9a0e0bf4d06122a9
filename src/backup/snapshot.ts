/**
 * Everything that a store holds as of one revision, in pages, while others write: keys that are read first may change
 * before the last one is read, so what changes meanwhile is watched, and follows after all pages. Each page is a short
 * read: no renewal of a lease has to wait for the whole store.
 */
import { setImmediate } from "node:timers/promises";
import { err, ok, type Result } from "../core/result.ts";
import type { Store, StoredEntry, StoreRevision } from "../ports/store.ts";
import { keys } from "../wire/records.ts";
import type { BackupFile, BackupItem } from "./item.ts";

export interface SnapshotOptions {
  readonly store: Pick<Store, "get" | "range" | "watch">;
  readonly files: readonly BackupFile[];
  /** Gives up. */
  readonly signal: AbortSignal;
}

const pageEntries = 500;
/** Keys that may change while all are read; more means that it takes too long for the load that there is. */
const changedKeysMax = 500_000;
/** How long what was written at the end may take until the watch shows it. */
const watchMsMax = 20_000;

type Part = Result<readonly BackupItem[], string>;

/** The items of a backup, the summary last. Every write that was acknowledged before the beginning is in it. */
export async function* takeSnapshot(options: SnapshotOptions): AsyncGenerator<Part> {
  const { store, files, signal } = options;
  const over = new AbortController();
  const first = await store.get(keys.settings);
  if (!first.ok) {
    yield err(first.error.message);
    return;
  }
  const follower = new Follower(store, first.value.revision);
  const following = follower.follow(AbortSignal.any([signal, over.signal]));
  try {
    const counts = new Counts();
    yield ok(files.map((file) => ({ kind: "file", ...file })));
    let revision = first.value.revision;
    for (let afterKey: string | undefined, more = true; more; ) {
      const after = afterKey === undefined ? {} : { afterKey };
      const page = await store.range("", { limit: pageEntries, ...after });
      const failure = page.ok ? follower.failure : page.error.message;
      if (!page.ok || failure !== undefined || signal.aborted) {
        yield err(failure ?? "it was told to end");
        return;
      }
      const { entries } = page.value;
      for (const { key } of entries) counts.add(key);
      yield ok(entries.map((entry) => itemOf("entry", entry)));
      ({ more, revision } = page.value);
      afterKey = entries.at(-1)?.key;
      if (entries.length === 0) more = false;
      await setImmediate();
    }
    const shown = await follower.reach(revision);
    if (!shown.ok) {
      yield shown;
      return;
    }
    yield* changedPages(follower, counts);
    const summary = { ...counts.all(), revision: follower.revision, fileCount: files.length };
    yield ok([{ kind: "end", summary }]);
  } finally {
    over.abort();
    await following;
  }
}

/** What follows the pages: each key that has changed, as it was at the last revision that the watch has shown. */
function* changedPages(follower: Follower, counts: Counts): Generator<Part> {
  let items: BackupItem[] = [];
  for (const [key, entry] of follower.freeze()) {
    counts.remove(key);
    if (entry !== undefined) counts.add(key);
    items.push(entry === undefined ? { kind: "deleted", key } : itemOf("changed", entry));
    if (items.length >= pageEntries) {
      yield ok(items);
      items = [];
    }
  }
  if (items.length > 0) yield ok(items);
}

function itemOf(
  kind: "entry" | "changed",
  { key, value, modRevision, leaseId }: StoredEntry,
): BackupItem {
  return { kind, key, value, modRevision, isLeased: leaseId !== undefined };
}

/** Counts keys that may be there twice once only. */
class Counts {
  /** Keys below these prefixes are told to people. */
  readonly #told = { node: keys.nodes, service: keys.services, bundle: keys.bundles };
  readonly #keys = new Set<string>();

  add(key: string): void {
    this.#keys.add(key);
  }

  remove(key: string): void {
    this.#keys.delete(key);
  }

  all() {
    const counts = { node: 0, service: 0, bundle: 0 };
    for (const key of this.#keys) {
      if (key.startsWith(this.#told.node)) counts.node += 1;
      else if (key.startsWith(this.#told.service)) counts.service += 1;
      else if (key.startsWith(this.#told.bundle)) counts.bundle += 1;
    }
    return {
      entryCount: this.#keys.size,
      nodeCount: counts.node,
      serviceCount: counts.service,
      bundleCount: counts.bundle,
    };
  }
}

/** Remembers what changes after a revision. */
class Follower {
  readonly #store: Pick<Store, "watch">;
  readonly #changed = new Map<string, StoredEntry | undefined>();
  readonly #shown = Promise.withResolvers<void>();
  #isFrozen = false;
  #wanted = Number.POSITIVE_INFINITY;
  revision: StoreRevision;
  /** Why it cannot go on. */
  failure: string | undefined;

  constructor(store: Pick<Store, "watch">, afterRevision: StoreRevision) {
    this.#store = store;
    this.revision = afterRevision;
  }

  async follow(signal: AbortSignal): Promise<void> {
    for await (const batch of this.#store.watch("", { fromRevision: this.revision + 1, signal })) {
      if (this.#isFrozen) return;
      if (!batch.ok) this.#fail(batch.error.message);
      if (!batch.ok) return;
      for (const change of batch.value.changes) {
        if (change.kind === "put") this.#changed.set(change.entry.key, change.entry);
        else this.#changed.set(change.key, undefined);
      }
      this.revision = batch.value.revision;
      if (this.#changed.size > changedKeysMax) {
        this.#fail("more is written than can be followed; try again when there is less to do");
        return;
      }
      if (this.revision >= this.#wanted) this.#shown.resolve();
    }
    this.#fail("the watch of the store ended");
  }

  /** Waits until it has seen a revision. */
  async reach(revision: StoreRevision): Promise<Result<void, string>> {
    this.#wanted = revision;
    if (this.revision < revision && this.failure === undefined) {
      const tooLate = setTimeout(
        () => this.#fail(`the store does not tell what changed up to revision ${revision}`),
        watchMsMax,
      );
      await this.#shown.promise;
      clearTimeout(tooLate);
    }
    return this.failure === undefined ? ok(undefined) : err(this.failure);
  }

  /** What has changed so far; later changes are not taken any more. */
  freeze(): ReadonlyMap<string, StoredEntry | undefined> {
    this.#isFrozen = true;
    return this.#changed;
  }

  #fail(why: string): void {
    this.failure ??= why;
    this.#shown.resolve();
  }
}
