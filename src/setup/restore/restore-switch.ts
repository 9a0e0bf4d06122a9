/**
 * How a restored cluster takes its place in a data directory. It is made in a folder beside; one rename says that it
 * counts, and everything after that can be done again from the start: by the next restore, or by a server that starts.
 */
import { mkdir, open, readdir, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { syncFolder } from "../../adapters/certificates/durable-file.ts";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { beforeRestorePath, restoredKeptPath, restoredPath } from "../../launcher/places.ts";
import { putVersionsAside, versionWordPaths } from "../../launcher/put-aside.ts";
import { isThere } from "../place/is-there.ts";

/**
 * What a server keeps of who it is and what it knows; all of it is replaced. Bundles and backups stay. What the launcher
 * keeps of versions goes, too.
 */
export const serverNames: readonly string[] = [
  ...["store.json", "server-identity.json", "server-id", "admin.token", "first-start.json"],
  ...["store.sqlite", "store.sqlite-wal", "store.sqlite-shm", "etcd", "etcd-client", "pki"],
  "server.json",
];

/** Folders in a data directory. */
export function restoreFolders(dataDirectory: string): {
  /** Where it is made; worth nothing. */
  readonly draft: string;
  /** What counts, and is not in its place yet. */
  readonly done: string;
  /** What was there before, kept for a person. */
  readonly before: string;
} {
  return {
    draft: join(dataDirectory, "restore.new"),
    done: restoredPath(dataDirectory),
    before: beforeRestorePath(dataDirectory),
  };
}

/** That nothing would be put where an earlier restore has put something, which may be the only copy. */
export async function checkBeforeFree(dataDirectory: string): Promise<Result<void, string>> {
  if (!(await isSomethingKept(dataDirectory))) return ok(undefined);
  const paths = [
    ...serverNames.map((name) => join(dataDirectory, name)),
    ...versionWordPaths(dataDirectory),
  ];
  const found = await Promise.all(paths.map(isThere));
  if (!found.includes(true)) return ok(undefined);
  const { before } = restoreFolders(dataDirectory);
  return err(`${before} holds what an earlier restore has put aside: move it away first`);
}

/** An empty folder to restore into; what an interrupted restore has left there is gone. */
export async function prepareDraft(dataDirectory: string): Promise<Result<string, string>> {
  const { draft } = restoreFolders(dataDirectory);
  return await attempt(`cannot use ${draft}`, async () => {
    await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft, { mode: 0o700 });
    return draft;
  });
}

/** Whether something that was there before a restore is kept. */
export async function isSomethingKept(dataDirectory: string): Promise<boolean> {
  const { before } = restoreFolders(dataDirectory);
  return (await isThere(before)) && (await readdir(before)).length > 0;
}

/** From here on the draft counts; nothing may have it open. */
export async function switchToRestored(dataDirectory: string): Promise<Result<void, string>> {
  const { draft, done } = restoreFolders(dataDirectory);
  const decided = await attempt(`cannot rename ${draft}`, async () => {
    await syncAll(draft);
    await rename(draft, done);
    await syncFolder(dataDirectory);
  });
  return decided.ok ? await completeRestore(dataDirectory) : decided;
}

/** Ends a restore that was cut off after it counted; does nothing where there is none. */
export async function completeRestore(dataDirectory: string): Promise<Result<void, string>> {
  const { done, before } = restoreFolders(dataDirectory);
  if (!(await isThere(done))) return ok(undefined);
  return await attempt(`cannot complete the restore in ${done}`, async () => {
    const mark = restoredKeptPath(dataDirectory);
    if (!(await isThere(mark))) {
      await mkdir(before, { recursive: true, mode: 0o700 });
      for (const name of serverNames) await move(join(dataDirectory, name), join(before, name));
      putVersionsAside(dataDirectory);
      await syncFolder(before);
      await syncFolder(dataDirectory);
      await writeFile(mark, "");
      await syncFolder(done);
    }
    for (const name of await readdir(done)) {
      if (name !== basename(mark)) await move(join(done, name), join(dataDirectory, name));
    }
    await syncFolder(dataDirectory);
    if ((await isThere(before)) && (await readdir(before)).length === 0) await rmdir(before);
    await rm(done, { recursive: true, force: true });
    await syncFolder(dataDirectory);
  });
}

/** Does nothing where there is nothing: it was moved already. */
async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error: unknown) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}

async function syncAll(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const paths = entries
    .filter((entry) => entry.isFile() || entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  for (const path of [...paths, folder]) {
    const file = await open(path, "r");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

async function attempt<T>(what: string, action: () => Promise<T>): Promise<Result<T, string>> {
  try {
    return ok(await action());
  } catch (error: unknown) {
    return err(`${what}: ${sentenceOfSystemError(error)}`);
  }
}
