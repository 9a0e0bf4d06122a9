/** Looks for room on the disk before a package is fetched and unpacked. */
import { mkdir, statfs } from "node:fs/promises";
import { sentenceOfSystemError } from "../core/explain/system-error.ts";
import { err, ok, type Result } from "../core/result.ts";
import { versionsFolder } from "../launcher/places.ts";

/** Beside the package itself, for what it unpacks to and for everything else on the disk. */
const unpackedShare = 6;
const spareBytes = 67_108_864;

/** Makes the folder of the versions. The error is one line for the operator. */
export async function makeRoom(
  dataDirectory: string,
  sizeBytes: number,
): Promise<Result<void, string>> {
  const folder = versionsFolder(dataDirectory);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const { bavail, bsize } = await statfs(folder);
    const neededBytes = sizeBytes * (1 + unpackedShare) + spareBytes;
    if (bavail * bsize >= neededBytes) return ok(undefined);
    return err(
      `there are ${bavail * bsize} bytes free for ${folder}, and ${neededBytes} are needed`,
    );
  } catch (error: unknown) {
    return err(`cannot use ${folder}: ${sentenceOfSystemError(error)}`);
  }
}
