/** Turns items into the bytes of a backup, a frame at a time: nothing is gathered but the frame that is being filled. */
import { assert } from "../core/assert.ts";
import type { Result } from "../core/result.ts";
import { type FrameCipher, newEncryption, openCipher } from "./crypt.ts";
import {
  type BackupHeader,
  type BackupSummary,
  digestOf,
  type FrameKind,
  fileEnd,
  fileMagic,
  frameHead,
  frameKinds,
  summarySchema,
  u32,
} from "./format.ts";
import { type BackupItem, textOfItem } from "./item.ts";

/** A frame is closed when it holds so much. */
const frameCharacters = 262_144;

/** What the header says beside the format and the encryption. */
export type BackupFacts = Omit<BackupHeader, "format" | "encryption">;

export interface WriteOptions {
  readonly facts: BackupFacts;
  /** The last one is the summary. An error ends the backup before its end. */
  readonly items: AsyncIterable<Result<readonly BackupItem[], string>>;
  /** Encrypts it. */
  readonly passphrase?: string | undefined;
}

/** Thrown by `writeBackup` where its items end with an error: what was written so far is no backup. */
export class BackupBroken extends Error {
  override readonly name: string = "BackupBroken";
}

/** The bytes. Throws `BackupBroken`. */
export async function* writeBackup(options: WriteOptions): AsyncGenerator<Buffer> {
  const { facts, items, passphrase } = options;
  const encryption = passphrase === undefined ? undefined : newEncryption();
  const header: BackupHeader = { format: 1, ...facts, ...(encryption ? { encryption } : {}) };
  const headerBytes = Buffer.from(JSON.stringify(header));
  const cipher =
    passphrase === undefined || encryption === undefined
      ? undefined
      : await openCipher(passphrase, encryption, headerBytes);
  const frames = new Frames(cipher);
  yield frames.begin(headerBytes);
  let texts: string[] = [];
  let characterCount = 0;
  let summary: BackupSummary | undefined;
  for await (const some of items) {
    if (!some.ok) throw new BackupBroken(some.error);
    for (const item of some.value) {
      assert(summary === undefined, "nothing follows the summary of a backup");
      // By way of its schema: its fields have one order, whoever writes or reads them.
      if (item.kind === "end") summary = summarySchema.parse(item.summary);
      else {
        const text = textOfItem(item);
        texts.push(text);
        characterCount += text.length;
      }
      if (characterCount >= frameCharacters) {
        yield frames.frame(frameKinds.data, listText(texts));
        texts = [];
        characterCount = 0;
      }
    }
  }
  assert(summary !== undefined, "a backup's items end with its summary");
  if (texts.length > 0) yield frames.frame(frameKinds.data, listText(texts));
  yield frames.frame(frameKinds.last, listText([textOfItem({ kind: "end", summary })]));
  yield frames.end(JSON.stringify(summary));
}

function listText(texts: readonly string[]): string {
  return `[${texts.join(",\n")}]`;
}

class Frames {
  readonly #cipher: FrameCipher | undefined;
  #digest: Buffer = Buffer.alloc(0);
  #count = 0;

  constructor(cipher: FrameCipher | undefined) {
    this.#cipher = cipher;
  }

  begin(headerBytes: Buffer): Buffer {
    const head = Buffer.concat([fileMagic, u32(headerBytes.length), headerBytes]);
    this.#digest = digestOf(head);
    return Buffer.concat([head, this.#digest]);
  }

  frame(kind: FrameKind, text: string): Buffer {
    const plain = Buffer.from(text);
    this.#count += 1;
    return this.#framed(kind, this.#cipher?.seal(kind, this.#count, plain) ?? plain);
  }

  end(text: string): Buffer {
    const summary = this.#framed(frameKinds.summary, Buffer.from(text));
    return Buffer.concat([summary, u32(summary.length), fileEnd]);
  }

  #framed(kind: FrameKind, content: Buffer): Buffer {
    const head = frameHead(kind, content.length);
    this.#digest = digestOf(this.#digest, head, content);
    return Buffer.concat([head, content, this.#digest]);
  }
}
