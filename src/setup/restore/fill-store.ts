/** Fills an empty store with records, and reads them back: what is not there as it was written is an error. */
import { createHash } from "node:crypto";
import { err, ok, type Result } from "../../core/result.ts";
import type { JsonValue, Operation, Store } from "../../ports/store.ts";

const batchOperationsMax = 900;
/** Well below what any store takes in one request. */
const batchCharactersMax = 1_500_000;
/** Transactions that are under way at a time: each waits for a disk. */
const underWayMax = 8;
const pageEntries = 1_000;

/** Writes in large transactions, in any order. */
export class StoreFiller {
  readonly #store: Store;
  readonly #underWay = new Set<Promise<void>>();
  /** Of what is to be there; the checksums of all of it are added up, so that their order does not matter. */
  readonly #sum = new Sum();
  #operations: Operation[] = [];
  #characterCount = 0;
  #failure: string | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** A key must be put once only. */
  async put(key: string, value: JsonValue): Promise<Result<void, string>> {
    const text = JSON.stringify(value);
    this.#sum.add(key, text);
    this.#operations.push({ kind: "put", key, value });
    this.#characterCount += key.length + text.length;
    const isFull =
      this.#operations.length >= batchOperationsMax || this.#characterCount >= batchCharactersMax;
    if (isFull) await this.#write();
    return this.#failure === undefined ? ok(undefined) : err(this.#failure);
  }

  /** Waits until all is written, and compares what the store holds with it. The answer is the number of keys. */
  async finish(): Promise<Result<number, string>> {
    await this.#write();
    await Promise.all(this.#underWay);
    if (this.#failure !== undefined) return err(this.#failure);
    const found = new Sum();
    for (let afterKey: string | undefined, more = true; more; ) {
      const after = afterKey === undefined ? {} : { afterKey };
      const page = await this.#store.range("", { limit: pageEntries, ...after });
      if (!page.ok) return err(page.error.message);
      for (const { key, value } of page.value.entries) found.add(key, JSON.stringify(value));
      afterKey = page.value.entries.at(-1)?.key;
      more = page.value.more && afterKey !== undefined;
    }
    return found.equals(this.#sum)
      ? ok(found.count)
      : err(
          `the store does not hold what was written: ${found.count} keys of ${this.#sum.count}, or others`,
        );
  }

  async #write(): Promise<void> {
    if (this.#operations.length === 0 || this.#failure !== undefined) return;
    const then = this.#operations;
    this.#operations = [];
    this.#characterCount = 0;
    const writing = this.#store.txn({ compare: [], then }).then((written) => {
      if (!written.ok) this.#failure ??= written.error.message;
      this.#underWay.delete(writing);
    });
    this.#underWay.add(writing);
    if (this.#underWay.size >= underWayMax) await Promise.race(this.#underWay);
  }
}

/** The sum of the checksums of keys with their values. */
class Sum {
  readonly #words = new Uint32Array(8);
  count = 0;

  add(key: string, text: string): void {
    const digest = createHash("sha256").update(`${key}\0${text}`).digest();
    for (let index = 0; index < this.#words.length; index += 1) {
      // A typed array keeps the lowest 32 bits.
      this.#words[index] = (this.#words[index] ?? 0) + digest.readUInt32BE(4 * index);
    }
    this.count += 1;
  }

  equals(other: Sum): boolean {
    return this.count === other.count && this.#words.join() === other.#words.join();
  }
}
