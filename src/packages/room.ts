/** Looks for room on the disk before a package is fetched and unpacked. */
import { mkdir, statfs } from "node:fs/promises";
import { sentenceOfSystemError } from "../core/explain/system-error.ts";
import { err, ok, type Result } from "../core/result.ts";
import { packageRoomBytes } from "../core/upgrade/room.ts";
import { versionsFolder } from "../launcher/places.ts";

/** Makes the folder of the versions. The error is one line for the operator. */
export async function makeRoom(
  dataDirectory: string,
  sizeBytes: number,
): Promise<Result<void, string>> {
  const folder = versionsFolder(dataDirectory);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const { bavail, bsize } = await statfs(folder);
    const neededBytes = packageRoomBytes(sizeBytes);
    if (bavail * bsize >= neededBytes) return ok(undefined);
    return err(
      `there are ${bavail * bsize} bytes free for ${folder}, and ${neededBytes} are needed`,
    );
  } catch (error: unknown) {
    return err(`cannot use ${folder}: ${sentenceOfSystemError(error)}`);
  }
}
