/**
 * Reads a backup frame by frame, and believes nothing that its checksum, or its seal, does not vouch for. Whatever is
 * wrong is told with its place; a reader that has come to the end has seen the whole file, and nothing else.
 */
import { timingSafeEqual } from "node:crypto";
import { err, ok, type Result } from "../core/result.ts";
import { lineOfFaults } from "../wire/errors.ts";
import { ByteSource } from "./byte-source.ts";
import { type FrameCipher, openCipher } from "./crypt.ts";
import {
  type BackupHeader,
  type BackupSummary,
  digestBytes,
  digestOf,
  type FrameKind,
  fileEnd,
  fileMagic,
  formatVersion,
  frameBytesMax,
  frameHeadBytes,
  frameKinds,
  headerBytesMax,
  headerSchema,
  summarySchema,
  u32,
} from "./format.ts";
import { type BackupItem, itemsOf } from "./item.ts";

/** Where the passphrase of an encrypted file comes from; asked for once, and only then. The error is its own. */
export type AskPassphrase = () => Promise<Result<string, string>>;

/** A header with its bytes, and the checksum that goes on from it. */
interface ReadHeader {
  readonly header: BackupHeader;
  readonly bytes: Buffer;
  readonly digest: Buffer;
}

/** One backup that is being read. */
export class BackupReader {
  readonly header: BackupHeader;
  readonly #source: ByteSource;
  readonly #cipher: FrameCipher | undefined;
  #digest: Buffer;
  #frameCount = 0;
  #summary: BackupSummary | undefined;

  private constructor(source: ByteSource, read: ReadHeader, cipher: FrameCipher | undefined) {
    this.header = read.header;
    this.#source = source;
    this.#digest = read.digest;
    this.#cipher = cipher;
  }

  /** Reads the header. The error says why this is no backup that can be read. */
  static async open(
    bytes: AsyncIterable<Uint8Array>,
    askPassphrase: AskPassphrase,
  ): Promise<Result<BackupReader, string>> {
    const source = new ByteSource(bytes);
    const read = await readHeader(source);
    if (!read.ok) return read;
    const { encryption } = read.value.header;
    if (encryption === undefined) return ok(new BackupReader(source, read.value, undefined));
    const passphrase = await askPassphrase();
    if (!passphrase.ok) return passphrase;
    const cipher = await openCipher(passphrase.value, encryption, read.value.bytes);
    return ok(new BackupReader(source, read.value, cipher));
  }

  /** Known once `next` has said that there is no more. */
  get summary(): BackupSummary | undefined {
    return this.#summary;
  }

  /** The next items; `end`: that was all, and all of it is as it was written. */
  async next(): Promise<Result<readonly BackupItem[] | "end", string>> {
    const frame = await this.#frame();
    if (!frame.ok) return frame;
    const { kind, content, place } = frame.value;
    if (kind === frameKinds.summary) return await this.#finish(content, place);
    if (this.#summary !== undefined) return err(`${place}: data follows its end`);
    this.#frameCount += 1;
    const plain = this.#cipher ? this.#cipher.open(kind, this.#frameCount, content) : content;
    if (plain === undefined) return err(this.#wrongSeal(place));
    const items = itemsOf(plain.toString("utf8"));
    if (!items.ok) return err(`${place}: ${items.error}`);
    const last = items.value.at(-1);
    const isLast = kind === frameKinds.last;
    if (isLast !== (last?.kind === "end")) return err(`${place}: its end is not where it belongs`);
    if (!isLast || last?.kind !== "end") return items;
    this.#summary = last.summary;
    return ok(items.value.slice(0, -1));
  }

  /** Lets go of the file. */
  async close(): Promise<void> {
    await this.#source.close();
  }

  #wrongSeal(place: string): string {
    return this.#frameCount === 1
      ? "the passphrase is wrong, or somebody has changed the file on purpose"
      : `${place}: somebody has changed it on purpose: its seal does not fit`;
  }

  async #frame(): Promise<
    Result<{ readonly kind: FrameKind; readonly content: Buffer; readonly place: string }, string>
  > {
    const place = `at byte ${this.#source.offset}`;
    const head = await this.#source.take(frameHeadBytes);
    if (head.length < frameHeadBytes) return err(this.#cutOff());
    const kind = kindOf(head.readUInt8(0));
    const length = head.readUInt32BE(1);
    if (kind === undefined || length > frameBytesMax) {
      return err(`${place}: no part of a backup begins like this; the file is damaged there`);
    }
    const content = await this.#source.take(length);
    const digest = await this.#source.take(digestBytes);
    if (digest.length < digestBytes) return err(this.#cutOff());
    const expected = digestOf(this.#digest, head, content);
    if (!timingSafeEqual(expected, digest)) return err(`${place}: ${damaged}`);
    this.#digest = expected;
    return ok({ kind, content, place });
  }

  #cutOff(): string {
    return `it is cut off after byte ${this.#source.offset}`;
  }

  /** What is said in clear has to be what was said before, and nothing may follow. */
  async #finish(content: Buffer, place: string): Promise<Result<"end", string>> {
    if (this.#summary === undefined) return err(`${place}: its last data is missing`);
    if (content.toString() !== JSON.stringify(this.#summary)) {
      return err(`${place}: its summary is not the one that it was made with`);
    }
    const foot = await this.#source.take(4 + fileEnd.length);
    if (foot.length < 4 + fileEnd.length) return err(this.#cutOff());
    const frameLength = frameHeadBytes + content.length + digestBytes;
    if (!foot.equals(Buffer.concat([u32(frameLength), fileEnd]))) {
      return err(`at byte ${this.#source.offset - foot.length}: ${damaged}`);
    }
    const more = await this.#source.take(1);
    if (more.length > 0)
      return err(`at byte ${this.#source.offset - 1}: something follows its end`);
    return ok("end");
  }
}

const damaged = "the checksum does not fit: the file is damaged or was changed there";

function kindOf(byte: number): FrameKind | undefined {
  return Object.values(frameKinds).find((kind) => kind === byte);
}

/** The header from the beginning of a file. */
export async function readHeader(source: ByteSource): Promise<Result<ReadHeader, string>> {
  const begin = await source.take(fileMagic.length + 4);
  if (!begin.subarray(0, fileMagic.length).equals(fileMagic.subarray(0, begin.length))) {
    return err("at byte 0: this is no backup of Holdfast");
  }
  if (begin.length < fileMagic.length + 4) return err(`it is cut off after byte ${source.offset}`);
  const length = begin.readUInt32BE(fileMagic.length);
  if (length > headerBytesMax) return err(`at byte ${fileMagic.length}: ${damaged}`);
  const bytes = await source.take(length);
  const digest = await source.take(digestBytes);
  if (digest.length < digestBytes) return err(`it is cut off after byte ${source.offset}`);
  const expected = digestOf(begin, bytes);
  if (!timingSafeEqual(expected, digest)) return err(`at byte ${fileMagic.length + 4}: ${damaged}`);
  const header = headerOf(bytes.toString("utf8"));
  return header.ok ? ok({ header: header.value, bytes, digest: expected }) : header;
}

function headerOf(text: string): Result<BackupHeader, string> {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return err("its header is not JSON");
  }
  const format = formatIn(raw);
  if (typeof format === "number" && format !== formatVersion) {
    const maker = typeof raw === "object" && raw !== null && "version" in raw ? raw.version : "?";
    return err(
      `it has format ${format} and was made by holdfast ${String(maker)}; this one reads format ${formatVersion}`,
    );
  }
  const parsed = headerSchema.safeParse(raw);
  return parsed.success ? ok(parsed.data) : err(`its header: ${lineOfFaults(parsed.error)}`);
}

function formatIn(raw: unknown): unknown {
  return typeof raw === "object" && raw !== null && "format" in raw ? raw.format : undefined;
}

/** The summary from the last bytes of a file; `tail` has to hold it as a whole. Nothing vouches for it but its form. */
export function summaryInTail(tail: Buffer): BackupSummary | undefined {
  const footBytes = 4 + fileEnd.length;
  if (tail.length < footBytes || !tail.subarray(-fileEnd.length).equals(fileEnd)) return undefined;
  const length = tail.readUInt32BE(tail.length - footBytes);
  const begin = tail.length - footBytes - length;
  if (begin < 0 || length < frameHeadBytes + digestBytes) return undefined;
  const frame = tail.subarray(begin, begin + length);
  try {
    const text = frame.subarray(frameHeadBytes, frame.length - digestBytes).toString("utf8");
    const parsed = summarySchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined; // it is no JSON: the file did not come to its end
  }
}
