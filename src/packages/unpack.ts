/** Unpacks a package of Holdfast that was verified before into the folder of its version: all of it, or nothing. */
import { createReadStream } from "node:fs";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { sentenceOfSystemError } from "../core/explain/system-error.ts";
import { err, ok, type Result } from "../core/result.ts";
import { originFile } from "../launcher/places.ts";
import {
  packageFileBytesMax,
  packageFileSchema,
  packageFolder,
  packageLimits,
} from "../wire/packages/package-file.ts";
import { type TarEntry, TarFault, tarEntries } from "../wire/packages/tar.ts";

export interface UnpackOptions {
  /** The package as a file. */
  readonly file: string;
  /** Becomes the version's folder; what is there under that name is replaced. */
  readonly folder: string;
  readonly version: string;
  readonly sha256: string;
  /** Version of the Node.js that is to run it. */
  readonly nodeVersion: string;
}

/** On the disk for good when this returns. The error is a sentence about the package or the disk. */
export async function unpack(options: UnpackOptions): Promise<Result<void, string>> {
  const draft = join(dirname(options.folder), `.unpack-${options.version}`);
  try {
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft, { recursive: true, mode: 0o700 });
    await unpackInto(draft, options.file);
    const fault = await faultIn(draft, options);
    if (fault !== undefined) return err(fault);
    await writeFileSynced(join(draft, originFile), [Buffer.from(`${options.sha256}\n`)], 0o600);
    await rm(options.folder, { recursive: true, force: true });
    await rename(draft, options.folder);
    await syncFolder(dirname(options.folder));
    return ok(undefined);
  } catch (error: unknown) {
    if (error instanceof TarFault)
      return err(`the package is not as npm makes it: ${error.message}`);
    return err(`the package cannot be unpacked: ${sentenceOfSystemError(error)}`);
  } finally {
    await rm(draft, { recursive: true, force: true }).catch(() => undefined); // the next one removes it
  }
}

async function unpackInto(draft: string, file: string): Promise<void> {
  const source = createReadStream(file);
  const unpacked = createGunzip();
  source.on("error", (error) => unpacked.destroy(error));
  source.pipe(unpacked);
  const folders = new Set<string>([draft]);
  try {
    for await (const entry of tarEntries(bytesOf(unpacked), packageLimits)) {
      if (!entry.name.startsWith(packageFolder)) continue;
      const path = join(draft, entry.name.slice(packageFolder.length));
      const folder = entry.kind === "folder" ? path : dirname(path);
      if (!folders.has(folder)) await mkdir(folder, { recursive: true, mode: 0o755 });
      folders.add(folder);
      if (entry.kind === "file") await writeEntry(path, entry);
    }
    for (const folder of folders) await syncFolder(folder);
  } finally {
    source.destroy();
    unpacked.destroy();
  }
}

async function writeEntry(path: string, entry: TarEntry): Promise<void> {
  await writeFileSynced(path, entry.content(), entry.isExecutable ? 0o755 : 0o644);
}

async function writeFileSynced(
  path: string,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  mode: number,
): Promise<void> {
  const file = await open(path, "wx", mode);
  try {
    for await (const piece of pieces) await file.write(piece);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The version that its own file names must be the one that was signed, and it must run with this Node.js. */
async function faultIn(
  draft: string,
  { version, nodeVersion }: UnpackOptions,
): Promise<string | undefined> {
  const text = await readFile(join(draft, "package.json"), "utf8");
  if (text.length > packageFileBytesMax) return "its package.json is too large";
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "its package.json is no JSON";
  }
  const parsed = packageFileSchema.safeParse(value);
  if (!parsed.success) return "its package.json is not that of a package of Holdfast";
  if (parsed.data.version !== version) {
    return `it is a package of version ${parsed.data.version}, not ${version}`;
  }
  const wanted = /^>=(\d+)/.exec(parsed.data.engines?.node ?? "")?.[1];
  if (wanted !== undefined && majorOf(nodeVersion) < Number(wanted)) {
    return `version ${version} needs Node.js ${wanted} or newer, and this machine runs it with ${nodeVersion}`;
  }
  const main = await open(join(draft, "dist/main.js"), "r").catch(() => undefined);
  await main?.close();
  return main === undefined ? "there is no dist/main.js in it" : undefined;
}

function majorOf(nodeVersion: string): number {
  return Number(/^v?(\d+)/.exec(nodeVersion)?.[1] ?? 0);
}

async function* bytesOf(stream: Readable): AsyncGenerator<Uint8Array, void> {
  for await (const piece of stream) {
    if (piece instanceof Uint8Array) yield piece;
  }
}
