/** Backups as files of a folder: written whole or not at all, for their owner alone, and listed by their headers. */
import { createHash } from "node:crypto";
import { link, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { sentenceOfSystemError } from "../core/explain/system-error.ts";
import { err, ok, type Result } from "../core/result.ts";
import { ByteSource } from "./byte-source.ts";
import { type BackupHeader, type BackupSummary, frameHeadBytes, headerBytesMax } from "./format.ts";
import { readHeader, summaryInTail } from "./read-backup.ts";
import { BackupBroken } from "./write-backup.ts";

const suffix = ".backup";
const tailBytes = headerBytesMax + frameHeadBytes + 64;
/** Files of a folder that are looked at. */
const listedMax = 10_000;

/** The name of a new file: without colons, which some programs take for a host's name. */
export function backupName(origin: "person" | "scheduled" | "upgrade", atMs: number): string {
  const instant = new Date(atMs)
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replaceAll(":", "-");
  return `holdfast-${origin === "person" ? "" : `${origin}-`}${instant}${suffix}`;
}

export interface WriteFileOptions {
  readonly directory: string;
  readonly name: string;
  readonly bytes: AsyncIterable<Uint8Array>;
  /** `replace`: one of this name may be there. */
  readonly existing: "refuse" | "replace";
}

/** A file that is on the disk. */
export interface WrittenFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Of the whole file, as `sha256sum` says it. */
  readonly sha256: string;
}

/** Writes it under another name first. It is on the disk, whole, when this returns; else nothing is there. */
export async function writeBackupFile(
  options: WriteFileOptions,
): Promise<Result<WrittenFile, string>> {
  const { directory, name } = options;
  const path = join(directory, name);
  const draft = join(directory, `.${name}.${process.pid}.part`);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await rm(draft, { force: true });
    const written = await writeDraft(draft, options.bytes);
    if (options.existing === "replace") await rename(draft, path);
    else await link(draft, path);
    await syncFolder(directory);
    return ok({ path, ...written });
  } catch (error: unknown) {
    if (error instanceof BackupBroken) return err(error.message);
    return err(`cannot write ${path}: ${sentenceOfSystemError(error)}`);
  } finally {
    // What cannot be removed was not made, or is a draft that nobody takes for a backup.
    await rm(draft, { force: true }).catch(() => undefined);
  }
}

async function writeDraft(
  draft: string,
  bytes: AsyncIterable<Uint8Array>,
): Promise<Omit<WrittenFile, "path">> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  // "wx": a key must not be readable by others for a moment.
  const file = await open(draft, "wx", 0o600);
  try {
    for await (const piece of bytes) {
      hash.update(piece);
      sizeBytes += piece.byteLength;
      await file.writeFile(piece);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { sizeBytes, sha256: hash.digest("hex") };
}

async function syncFolder(directory: string): Promise<void> {
  const folder = await open(directory, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** A file of a folder, by its header; what is in between is not looked at. */
export interface ListedBackup {
  readonly name: string;
  readonly sizeBytes: number;
  /** The error says why it is no backup that can be read. */
  readonly header: Result<BackupHeader, string>;
  /** Undefined: it does not come to its end. */
  readonly summary: BackupSummary | undefined;
}

/** All files of a folder that are called like backups, the oldest first. A folder that is not there has none. */
export async function listBackups(
  directory: string,
): Promise<Result<readonly ListedBackup[], string>> {
  try {
    const names = (await readdir(directory)).filter((name) => isBackupName(name)).sort();
    const found: ListedBackup[] = [];
    for (const name of names.slice(-listedMax)) found.push(await lookAt(directory, name));
    return ok(found.sort((left, right) => instantOf(left) - instantOf(right)));
  } catch (error: unknown) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return ok([]);
    return err(`cannot read the folder ${directory}: ${sentenceOfSystemError(error)}`);
  }
}

function isBackupName(name: string): boolean {
  return name.endsWith(suffix) && !name.startsWith(".");
}

function instantOf({ header }: ListedBackup): number {
  return header.ok ? header.value.atMs : 0;
}

async function lookAt(directory: string, name: string): Promise<ListedBackup> {
  const file = await open(join(directory, name), "r");
  try {
    const { size } = await file.stat();
    const read = async (from: number, count: number): Promise<Buffer> => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, from);
      return buffer.subarray(0, bytesRead);
    };
    const begin = await read(0, headerBytesMax + 256);
    const header = await readHeader(new ByteSource(once(begin)));
    const from = Math.max(0, size - tailBytes);
    const summary = summaryInTail(await read(from, tailBytes));
    const known = header.ok ? ok(header.value.header) : header;
    return { name, sizeBytes: size, header: known, summary };
  } finally {
    await file.close();
  }
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** Removes the oldest files that a schedule has made, beyond so many; others are never touched. */
export async function removeOldScheduled(
  directory: string,
  { keep, cluster }: { readonly keep: number; readonly cluster: string | undefined },
): Promise<Result<readonly string[], string>> {
  const listed = await listBackups(directory);
  if (!listed.ok) return listed;
  const own = listed.value.filter(({ header }) => {
    return header.ok && header.value.origin === "schedule" && header.value.cluster === cluster;
  });
  const removed = own.slice(0, Math.max(0, own.length - keep)).map(({ name }) => name);
  try {
    for (const name of removed) await rm(join(directory, name), { force: true });
    return ok(removed);
  } catch (error: unknown) {
    return err(`cannot remove old backups in ${directory}: ${sentenceOfSystemError(error)}`);
  }
}
