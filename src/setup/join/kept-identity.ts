/** A joining machine's own random name for itself: kept, so that a join that was cut off may be repeated. */
import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { readIfThere, replaceFile } from "../../adapters/certificates/durable-file.ts";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";

/** The one of an earlier attempt in this data directory, or a new one. */
export async function keptIdentity(dataDirectory: string): Promise<Result<string, string>> {
  const path = join(dataDirectory, "join-identity");
  try {
    const kept = (await readIfThere(path))?.trim() ?? "";
    if (/^[0-9a-f]{32}$/.test(kept)) return ok(kept);
    const made = randomBytes(16).toString("hex");
    await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
    await replaceFile(path, `${made}\n`, 0o600);
    return ok(made);
  } catch (error: unknown) {
    return err(`cannot keep ${path}: ${sentenceOfSystemError(error)}`);
  }
}
