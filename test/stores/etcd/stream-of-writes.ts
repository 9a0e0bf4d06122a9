/** A stream of writes and a watch of them, with the gaps of both; used while members fail. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Store, StoreError, StoreRevision } from "../../../src/ports/store.ts";
import { must, revisionOf } from "../../contract/store-support.ts";

const writeEveryMs = 20;

/** The longest time without one, in milliseconds. */
class Gap {
  worstMs = 0;
  #lastAtMs = performance.now();

  seen(): void {
    const nowMs = performance.now();
    this.worstMs = Math.max(this.worstMs, nowMs - this.#lastAtMs);
    this.#lastAtMs = nowMs;
  }

  restart(): void {
    this.worstMs = 0;
    this.#lastAtMs = performance.now();
  }
}

export class StreamOfWrites {
  readonly writeGap = new Gap();
  readonly watchGap = new Gap();
  /** Acknowledged, with their revision. */
  readonly acknowledged = new Map<string, StoreRevision>();
  readonly failures: StoreError[] = [];
  readonly #certainlyNotDone: string[] = [];
  /** What the watch has told, in its order. */
  readonly watched: { readonly key: string; readonly revision: StoreRevision }[] = [];
  readonly #store: Store;
  readonly #fromRevision: StoreRevision;
  readonly #stop = new AbortController();
  readonly #endWatch = new AbortController();
  readonly #running: Promise<unknown>[] = [];
  #watching: Promise<void> = Promise.resolve();
  #count = 0;

  private constructor(store: Store, fromRevision: StoreRevision) {
    this.#store = store;
    this.#fromRevision = fromRevision;
  }

  static async start(store: Store): Promise<StreamOfWrites> {
    const stream = new StreamOfWrites(store, (await revisionOf(store)) + 1);
    stream.#watching = stream.#watch();
    stream.#running.push(stream.#write());
    return stream;
  }

  /** Counts the gaps anew. */
  restartGaps(): void {
    this.writeGap.restart();
    this.watchGap.restart();
  }

  /** Ends the writes, waits until the watch has told the last of them, and checks that it told each once. */
  async endAndCheck(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
    const stored = must(await this.#store.range("w/"));
    const revisions = new Map(stored.entries.map((entry) => [entry.key, entry.modRevision]));
    for (const [key, revision] of this.acknowledged) {
      assert.equal(revisions.get(key), revision, `the acknowledged write of "${key}" is there`);
    }
    for (const key of this.#certainlyNotDone) {
      assert.equal(revisions.get(key), undefined, `"${key}" was said not to be written`);
    }
    const last = Math.max(...revisions.values());
    const giveUpAtMs = performance.now() + 10_000;
    while ((this.watched.at(-1)?.revision ?? 0) < last && performance.now() < giveUpAtMs) {
      await sleep(20);
    }
    this.#endWatch.abort();
    await this.#watching;
    const expected = [...revisions]
      .map(([key, revision]) => ({ key, revision }))
      .sort((left, right) => left.revision - right.revision);
    assert.deepEqual(this.watched, expected, "the watch told of each write once, in order");
  }

  async #write(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#running.push(this.#writeOne());
      await sleep(writeEveryMs);
    }
  }

  async #writeOne(): Promise<void> {
    this.#count += 1;
    const key = `w/${String(this.#count).padStart(6, "0")}`;
    const done = await this.#store.txn({
      compare: [{ kind: "absent", key }],
      then: [{ kind: "put", key, value: this.#count }],
    });
    if (!done.ok) {
      this.failures.push(done.error);
      if (!done.error.mayHaveTakenEffect) this.#certainlyNotDone.push(key);
      return;
    }
    assert.ok(done.value.succeeded, `"${key}" was written once only`);
    this.acknowledged.set(key, done.value.revision);
    this.writeGap.seen();
  }

  async #watch(): Promise<void> {
    const { signal } = this.#endWatch;
    for await (const batch of this.#store.watch("w/", {
      fromRevision: this.#fromRevision,
      signal,
    })) {
      const { revision, changes } = must(batch);
      this.watchGap.seen();
      for (const change of changes) {
        if (change.kind === "put") this.watched.push({ key: change.entry.key, revision });
      }
    }
  }
}
