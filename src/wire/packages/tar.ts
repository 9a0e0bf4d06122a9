/**
 * Reads archives as `npm pack` makes them (ustar), piece by piece and within bounds: files and folders, nothing else. A
 * link, a special file or a name that leaves the archive's folder is a fault, as no package of ours has one.
 */

/** The archive is none, is cut off, or holds what a package must not hold; the message is for a person. */
export class TarFault extends Error {
  override readonly name: string = "TarFault";
}

/** A file or a folder of an archive. */
export interface TarEntry {
  /** With `/` between its parts; never absolute, and without `..`. */
  readonly name: string;
  readonly kind: "file" | "folder";
  readonly isExecutable: boolean;
  readonly sizeBytes: number;
  /** To be read at most once, and before the next entry; what is not read is passed over. */
  content(): AsyncGenerator<Uint8Array, void>;
}

/** What an archive may come to. */
export interface TarLimits {
  readonly entriesMax: number;
  /** Of all content together. */
  readonly bytesMax: number;
}

const blockBytes = 512;

/** The entries in their order. Throws a `TarFault`, or what the source throws. */
export async function* tarEntries(
  source: AsyncIterable<Uint8Array>,
  limits: TarLimits,
): AsyncGenerator<TarEntry, void> {
  const bytes = new Bytes(source);
  let count = 0;
  let totalBytes = 0;
  for (;;) {
    const block = await bytes.exactly(blockBytes);
    if (block === undefined || block.every((byte) => byte === 0)) return;
    const header = headerIn(block);
    count += 1;
    totalBytes += header.sizeBytes;
    if (count > limits.entriesMax)
      throw new TarFault(`it has more than ${limits.entriesMax} entries`);
    if (totalBytes > limits.bytesMax)
      throw new TarFault(`it unpacks to more than ${limits.bytesMax} bytes`);
    const content = new Content(bytes, header.sizeBytes);
    if (header.kind !== "remark") {
      yield { ...header, kind: header.kind, content: () => content.pieces() };
    }
    await content.pass();
  }
}

interface Header {
  readonly name: string;
  readonly kind: "file" | "folder" | "remark";
  readonly isExecutable: boolean;
  readonly sizeBytes: number;
}

function headerIn(block: Uint8Array): Header {
  if (octalIn(block, 148, 8) !== checksumOf(block)) throw new TarFault("it is no tar archive");
  const name = nameIn(block);
  const type = String.fromCharCode(block[156] ?? 0);
  const kind = kinds[type];
  if (kind === undefined) throw new TarFault(`"${name}" in it is neither a file nor a folder`);
  return {
    name,
    kind,
    isExecutable: (octalIn(block, 100, 8) & 0o111) !== 0,
    sizeBytes: octalIn(block, 124, 12),
  };
}

/** By the type flag; headers of pax are remarks, but for longer names, which packages of ours do not have. */
const kinds: Readonly<Record<string, Header["kind"]>> = {
  "0": "file",
  "\0": "file",
  "5": "folder",
  g: "remark",
  x: "remark",
};

function nameIn(block: Uint8Array): string {
  const prefix = textIn(block, 345, 155);
  const name = textIn(block, 0, 100);
  const whole = (prefix === "" ? name : `${prefix}/${name}`).replace(/\/+$/, "");
  const parts = whole.split("/");
  const isSafe = parts.every((part) => part !== "" && part !== "." && part !== "..");
  if (!isSafe || !/^[\x20-\x7e]+$/.test(whole)) {
    throw new TarFault(`"${whole}" in it cannot be a file's name`);
  }
  return whole;
}

function checksumOf(block: Uint8Array): number {
  let sum = 0;
  for (const [index, byte] of block.entries()) sum += index >= 148 && index < 156 ? 32 : byte;
  return sum;
}

function octalIn(block: Uint8Array, from: number, length: number): number {
  const text = textIn(block, from, length).trim();
  if (!/^[0-7]{1,11}$/.test(text)) throw new TarFault("it is no tar archive");
  return Number.parseInt(text, 8);
}

/** Up to the first zero byte. */
function textIn(block: Uint8Array, from: number, length: number): string {
  const field = block.subarray(from, from + length);
  const end = field.indexOf(0);
  return String.fromCharCode(...(end < 0 ? field : field.subarray(0, end)));
}

/** The content of one entry, with the zeros that fill its last block. */
class Content {
  readonly #bytes: Bytes;
  readonly #paddingBytes: number;
  #leftBytes: number;

  constructor(bytes: Bytes, sizeBytes: number) {
    this.#bytes = bytes;
    this.#leftBytes = sizeBytes;
    this.#paddingBytes = (blockBytes - (sizeBytes % blockBytes)) % blockBytes;
  }

  async *pieces(): AsyncGenerator<Uint8Array, void> {
    while (this.#leftBytes > 0) {
      const piece = await this.#bytes.some(this.#leftBytes);
      this.#leftBytes -= piece.length;
      yield piece;
    }
  }

  async pass(): Promise<void> {
    this.#leftBytes += this.#paddingBytes;
    while (this.#leftBytes > 0) this.#leftBytes -= (await this.#bytes.some(this.#leftBytes)).length;
  }
}

/** Bytes of a source in the portions that are asked for. */
class Bytes {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Between one and `countMax` bytes; an end before is a fault. */
  async some(countMax: number): Promise<Uint8Array> {
    if (this.#rest.length === 0 && !(await this.#more())) throw new TarFault("it is cut off");
    const piece = this.#rest.subarray(0, countMax);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }

  /** Undefined: the source is at its end. */
  async exactly(count: number): Promise<Uint8Array | undefined> {
    if (this.#rest.length === 0 && !(await this.#more())) return undefined;
    const block = new Uint8Array(count);
    for (let filled = 0; filled < count; ) {
      const piece = await this.some(count - filled);
      block.set(piece, filled);
      filled += piece.length;
    }
    return block;
  }

  async #more(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) return false;
      this.#rest = next.value;
    }
    return true;
  }
}
