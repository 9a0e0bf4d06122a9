/** The agent's files: written to a temporary name, synced and renamed, so that a reader sees all or nothing. */

import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";

/** Replaces a file durably; mode 0600. The error is a sentence. */
export async function writeDurably(path: string, text: string): Promise<Result<void, string>> {
  const fresh = `${path}.new`;
  try {
    const file = await open(fresh, "w", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
    const directory = await open(dirname(path), "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
    return ok(undefined);
  } catch (error: unknown) {
    return err(`cannot write ${path}: ${sentenceOfSystemError(error)}`);
  }
}

/** The file's text; undefined: there is none. Other failures are errors. */
export async function readMaybe(path: string): Promise<Result<string | undefined, string>> {
  try {
    return ok(await readFile(path, "utf8"));
  } catch (error: unknown) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return ok(undefined);
    return err(`cannot read ${path}: ${sentenceOfSystemError(error)}`);
  }
}

/** Deletes a file; one that is not there is a success. */
export async function removeFile(path: string): Promise<Result<void, string>> {
  try {
    await rm(path, { force: true });
    return ok(undefined);
  } catch (error: unknown) {
    return err(`cannot delete ${path}: ${sentenceOfSystemError(error)}`);
  }
}
