/**
 * A server's bundles on its disk: `<data>/bundles/<sha256>`, each written to a draft, hashed on the way, flushed, and
 * only then given its name. A file of that name is whole; whether it still is, `check` tells.
 */
import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import { hashFile, piecesOf } from "./hashing.ts";
import { spareBytes } from "./limits.ts";

const wholePattern = /^[0-9a-f]{64}$/;
const fetchPrefix = ".fetch-";

/**
 * `no-space`: it does not fit. `mismatch`: what came is not what was promised. `source`: it stopped coming. `disk`: the
 * file system refuses.
 */
export interface DiskFault {
  readonly kind: "no-space" | "mismatch" | "source" | "disk";
  /** One sentence for a person. */
  readonly message: string;
}

/** The content that is to be written. */
export interface Wanted {
  readonly sha256: string;
  readonly sizeBytes: number;
  /** `resumable`: what has come is kept when the source fails, and the next attempt goes on after it. */
  readonly draft: "once" | "resumable";
  /** The content from `fromByte` on. An error says why there is none. */
  source(fromByte: number): Promise<Result<AsyncIterable<Buffer>, string>>;
  readonly signal: AbortSignal;
}

export interface BundleDisk {
  /** SHA-256 and size of every file that is whole. */
  readonly files: ReadonlyMap<string, number>;
  /** SHA-256 of contents of which only a part is there, to go on with. */
  readonly parts: ReadonlySet<string>;
  /** Writes the content; on the disk for good when this returns. */
  write(wanted: Wanted): Promise<Result<void, DiskFault>>;
  /** The content from `fromByte` on; errors of the file system come while it is read. */
  read(sha256: string, fromByte?: number): AsyncIterable<Buffer>;
  /** Reads a file and compares. */
  check(
    sha256: string,
    options: { readonly pace: "fast" | "slow"; readonly signal: AbortSignal },
  ): Promise<"ok" | "damaged" | "missing" | "aborted">;
  /** Forgets a file and its part if, in its turn, it is still unwanted, and deletes them. */
  discard(sha256: string, isUnwanted: () => boolean): Promise<Result<void, string>>;
  /** Its content is damaged: from this very moment it counts as missing. What is written anew meanwhile stays. */
  throwAway(sha256: string): Promise<Result<void, string>>;
}

/** Opens the folder, which is made; drafts of pushes that were cut off by the server's end are removed. */
export async function openBundleDisk(
  dataDirectory: string,
  clock: Clock,
): Promise<Result<BundleDisk, string>> {
  const folder = join(dataDirectory, "bundles");
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const files = new Map<string, number>();
    const parts = new Set<string>();
    for (const name of await readdir(folder)) {
      if (wholePattern.test(name)) files.set(name, (await stat(join(folder, name))).size);
      else if (name.startsWith(fetchPrefix)) parts.add(name.slice(fetchPrefix.length));
      else await rm(join(folder, name), { force: true });
    }
    return ok(new Disk({ folder, clock, files, parts }));
  } catch (error: unknown) {
    return err(`cannot use "${folder}": ${sentenceOfSystemError(error)}`);
  }
}

interface DiskParts {
  readonly folder: string;
  readonly clock: Clock;
  readonly files: Map<string, number>;
  readonly parts: Set<string>;
}

class Disk implements BundleDisk {
  readonly files: Map<string, number>;
  readonly parts: Set<string>;
  readonly #folder: string;
  readonly #clock: Clock;
  /** Promised to contents that are on their way. */
  #reservedBytes = 0;
  /** Files get and lose their names one after the other. */
  #naming: Promise<void> = Promise.resolve();

  constructor({ folder, clock, files, parts }: DiskParts) {
    this.#folder = folder;
    this.#clock = clock;
    this.files = files;
    this.parts = parts;
  }

  async write(wanted: Wanted): Promise<Result<void, DiskFault>> {
    const { sha256, sizeBytes, draft: kind } = wanted;
    const draft = this.#path(kind === "once" ? `.push-${randomUUID()}` : fetchPrefix + sha256);
    const room = await this.#reserve(sizeBytes);
    if (!room.ok) return room;
    if (kind === "resumable") this.parts.add(sha256);
    let openBytes = sizeBytes;
    const onWritten = (bytes: number) => {
      openBytes -= bytes;
      this.#reservedBytes -= bytes;
    };
    try {
      const written = await writeDraft(draft, wanted, { clock: this.#clock, onWritten });
      if (written.ok) await this.#inTurn(() => this.#name(draft, sha256, sizeBytes));
      else if (kind === "once" || written.error.kind === "mismatch") {
        await rm(draft, { force: true });
      }
      return written;
    } catch (error: unknown) {
      await rm(draft, { force: true }).catch(() => undefined); // it may be what the file system refuses
      return err(faultOfFileSystem(error));
    } finally {
      this.#reservedBytes -= openBytes;
    }
  }

  read(sha256: string, fromByte = 0): AsyncIterable<Buffer> {
    return piecesOf(this.#path(sha256), fromByte);
  }

  async check(
    sha256: string,
    options: { readonly pace: "fast" | "slow"; readonly signal: AbortSignal },
  ): Promise<"ok" | "damaged" | "missing" | "aborted"> {
    if (!this.files.has(sha256)) return "missing";
    try {
      // A second look: what was read first may have been thrown away, and written anew meanwhile.
      for (let look = 0; look < 2; look += 1) {
        const { hash } = await hashFile(this.#path(sha256), { ...options, clock: this.#clock });
        if (hash.digest("hex") === sha256) return "ok";
      }
      return "damaged";
    } catch {
      // A file that cannot be read is as bad as one with other content.
      return options.signal.aborted ? "aborted" : "damaged";
    }
  }

  async discard(sha256: string, isUnwanted: () => boolean): Promise<Result<void, string>> {
    try {
      await this.#inTurn(async () => {
        if (!isUnwanted()) return;
        this.files.delete(sha256); // whatever the file system says: it is not served any more
        await rm(this.#path(fetchPrefix + sha256), { force: true });
        await rm(this.#path(sha256), { force: true });
        this.parts.delete(sha256);
      });
      return ok(undefined);
    } catch (error: unknown) {
      return err(`cannot delete ${this.#path(sha256)}: ${sentenceOfSystemError(error)}`);
    }
  }

  throwAway(sha256: string): Promise<Result<void, string>> {
    this.files.delete(sha256);
    return this.discard(sha256, () => !this.files.has(sha256));
  }

  async #reserve(sizeBytes: number): Promise<Result<void, DiskFault>> {
    // First, so that two that come together do not both get the last room.
    this.#reservedBytes += sizeBytes;
    try {
      const { bavail, bsize } = await statfs(this.#folder);
      if (bavail * bsize >= this.#reservedBytes + spareBytes) return ok(undefined);
    } catch (error: unknown) {
      this.#reservedBytes -= sizeBytes;
      return err(faultOfFileSystem(error));
    }
    this.#reservedBytes -= sizeBytes;
    const message = `there is no room for ${sizeBytes} bytes in ${this.#folder}`;
    return err({ kind: "no-space", message });
  }

  async #name(draft: string, sha256: string, sizeBytes: number): Promise<void> {
    await rename(draft, this.#path(sha256));
    const folder = await open(this.#folder, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
    this.files.set(sha256, sizeBytes);
    if (draft.endsWith(fetchPrefix + sha256)) this.parts.delete(sha256);
  }

  async #inTurn(action: () => Promise<void>): Promise<void> {
    const turn = this.#naming.then(action);
    this.#naming = turn.catch(() => undefined); // told to who asked; the next one has its own turn
    await turn;
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

interface DraftOptions {
  readonly clock: Clock;
  /** Told of each part of the content that is in the file. */
  readonly onWritten: (bytes: number) => void;
}

async function writeDraft(
  path: string,
  wanted: Wanted,
  { clock, onWritten }: DraftOptions,
): Promise<Result<void, DiskFault>> {
  const { sha256, sizeBytes, signal } = wanted;
  const file = await open(path, wanted.draft === "once" ? "wx" : "a", 0o600);
  let pieces: AsyncIterator<Buffer> | undefined;
  try {
    const { hash, sizeBytes: doneBytes } = await hashFile(path, { pace: "fast", clock, signal });
    if (doneBytes > sizeBytes) return err(mismatch(sha256));
    onWritten(doneBytes);
    const source = await wanted.source(doneBytes);
    if (!source.ok) return err({ kind: "source", message: source.error });
    pieces = source.value[Symbol.asyncIterator]();
    let writtenBytes = doneBytes;
    for (;;) {
      const next = await nextPiece(pieces);
      if (!next.ok) return next;
      if (next.value === undefined) break;
      hash.update(next.value);
      writtenBytes += next.value.length;
      if (writtenBytes > sizeBytes) return err(mismatch(sha256));
      await file.appendFile(next.value);
      onWritten(next.value.length);
    }
    if (writtenBytes < sizeBytes) {
      const message = `it ended after ${writtenBytes} of ${sizeBytes} bytes`;
      return err({ kind: "source", message });
    }
    if (hash.digest("hex") !== sha256) return err(mismatch(sha256));
    await file.sync();
    return ok(undefined);
  } finally {
    await pieces?.return?.();
    await file.close();
  }
}

/** Undefined: that was all. */
async function nextPiece(
  pieces: AsyncIterator<Buffer>,
): Promise<Result<Buffer | undefined, DiskFault>> {
  try {
    const next = await pieces.next();
    return ok(next.done === true ? undefined : next.value);
  } catch (error: unknown) {
    return err({ kind: "source", message: sentenceOfSystemError(error) });
  }
}

function mismatch(sha256: string): DiskFault {
  return { kind: "mismatch", message: `the content that came has not the SHA-256 ${sha256}` };
}

function faultOfFileSystem(error: unknown): DiskFault {
  const isFull = error instanceof Error && "code" in error && error.code === "ENOSPC";
  return { kind: isFull ? "no-space" : "disk", message: sentenceOfSystemError(error) };
}
