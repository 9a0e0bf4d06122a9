/** A member's data folder: whether there is anything in it, and how it is emptied. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";

/** Whether the member has ever been started with this folder. */
export async function hasMemberData(etcdData: string): Promise<boolean> {
  const files = await readdir(join(etcdData, "member", "wal")).catch(() => []);
  return files.some((name) => name.endsWith(".wal"));
}

/** Removes the folder with all that is in it. */
export async function emptyFolder(path: string): Promise<Result<void, string>> {
  try {
    await rm(path, { recursive: true, force: true });
    return ok(undefined);
  } catch (error: unknown) {
    return err(`cannot empty ${path}: ${sentenceOfSystemError(error)}`);
  }
}
