/** A member's data folder: whether there is anything in it, and how it is emptied. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../../adapters/certificates/durable-file.ts";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { isThere } from "../place/is-there.ts";

/** Whether the member has ever been started with this folder. */
export async function hasMemberData(etcdData: string): Promise<boolean> {
  const files = await readdir(join(etcdData, "member", "wal")).catch(() => []);
  return files.some((name) => name.endsWith(".wal"));
}

/** Notes that the member has got its vote, and with it all that was stored; kept with the data, and gone with it. */
export async function noteVote(etcdData: string): Promise<Result<void, string>> {
  const path = voteFile(etcdData);
  try {
    await replaceFile(path, "", 0o600);
    return ok(undefined);
  } catch (error: unknown) {
    return err(`cannot write ${path}: ${sentenceOfSystemError(error)}`);
  }
}

/** Whether that was noted: what a member without a vote has copied may be the beginning only. */
export async function hasVoted(etcdData: string): Promise<boolean> {
  return (await isThere(voteFile(etcdData))) && (await hasMemberData(etcdData));
}

/** Etcd looks at no other names in that folder than its own. */
function voteFile(etcdData: string): string {
  return join(etcdData, "member", "holdfast-votes");
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
