/** A copy of a member's data folder that is on the disk as a whole before anything counts on it. */
import { constants } from "node:fs";
import { cp, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";

/** Replaces what is at `to`. Blocks are shared where the file system can do that. */
export async function copyData(from: string, to: string): Promise<Result<void, string>> {
  try {
    await rm(to, { recursive: true, force: true });
    await cp(from, to, { recursive: true, mode: constants.COPYFILE_FICLONE });
    await syncAll(to);
    return ok(undefined);
  } catch (error: unknown) {
    return err(`cannot copy ${from} to ${to}: ${sentenceOfSystemError(error)}`);
  }
}

async function syncAll(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const paths = entries.map((entry) => join(entry.parentPath, entry.name));
  for (const path of [...paths, folder]) {
    const file = await open(path, "r");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
}
