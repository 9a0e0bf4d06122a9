/** Bytes as they come, taken in the pieces that a format asks for. */
export class ByteSource {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #left: Buffer = Buffer.alloc(0);
  #offset = 0;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** Bytes that were taken so far: the place of the next one. */
  get offset(): number {
    return this.#offset;
  }

  /** Exactly so many bytes, or all that are left: then the source is at its end. */
  async take(count: number): Promise<Buffer> {
    const pieces: Buffer[] = [this.#left];
    let there = this.#left.length;
    while (there < count) {
      const next = await this.#pieces.next();
      if (next.done === true) break;
      pieces.push(Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength));
      there += next.value.byteLength;
    }
    const all = pieces.length === 1 ? this.#left : Buffer.concat(pieces);
    const taken = all.subarray(0, count);
    this.#left = all.subarray(taken.length);
    this.#offset += taken.length;
    return taken;
  }

  /** Lets go of whoever gives the bytes. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }
}
