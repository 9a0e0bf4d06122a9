/**
 * Keys in order of their UTF-8 bytes, in chunks, so that adding one among many hundred thousand moves only the few
 * that are near it.
 */
import { compareKeys } from "../shared/key.ts";

/** A chunk that grows beyond this is cut in two. */
const chunkLengthMax = 512;

export class SortedKeys {
  /** In order, none empty. */
  readonly #chunks: string[][] = [];

  /** Adds a key that is not there yet. */
  add(key: string): void {
    const index = this.#chunkOf(key);
    const chunk = this.#chunks[index];
    if (chunk === undefined) {
      this.#chunks.push([key]);
      return;
    }
    chunk.splice(positionIn(chunk, key), 0, key);
    if (chunk.length <= chunkLengthMax) return;
    this.#chunks.splice(index + 1, 0, chunk.splice(chunk.length >> 1));
  }

  /** Removes a key that is there. */
  remove(key: string): void {
    const index = this.#chunkOf(key);
    const chunk = this.#chunks[index];
    if (chunk === undefined) return;
    const position = positionIn(chunk, key);
    if (chunk[position] === key) chunk.splice(position, 1);
    if (chunk.length === 0) this.#chunks.splice(index, 1);
  }

  clear(): void {
    this.#chunks.length = 0;
  }

  /** The keys from `key` on, in order. */
  *from(key: string): Iterable<string> {
    const first = this.#chunkOf(key);
    for (let index = first; index < this.#chunks.length; index += 1) {
      const chunk = this.#chunks[index] ?? [];
      const start = index === first ? positionIn(chunk, key) : 0;
      for (let position = start; position < chunk.length; position += 1) {
        const found = chunk[position];
        if (found !== undefined) yield found;
      }
    }
  }

  /** The last chunk that begins at or before the key; the first one if there is none. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareKeys(this.#chunks[middle]?.[0] ?? "", key) <= 0) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Where the key is in a chunk, or where it belongs. */
function positionIn(chunk: readonly string[], key: string): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareKeys(chunk[middle] ?? "", key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
