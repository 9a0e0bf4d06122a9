/** A backup of this server's cluster, as bytes for whoever asked for it or as a file on this machine. */
import { join } from "node:path";
import { backupName, type WrittenFile, writeBackupFile } from "../../backup/backup-files.ts";
import type { BackupOrigin } from "../../backup/format.ts";
import type { ServerSecrets } from "../../backup/item.ts";
import { takeSnapshot } from "../../backup/snapshot.ts";
import { writeBackup } from "../../backup/write-backup.ts";
import { ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Store } from "../../ports/store.ts";

/** What a server makes backups from. */
export interface BackupSource {
  readonly store: Pick<Store, "get" | "range" | "watch">;
  readonly clock: Clock;
  readonly serverId: string;
  readonly version: string;
  /** Of the store. */
  readonly schema: number;
  /** Its own files, read anew for each backup. */
  readonly secrets: () => Promise<Result<ServerSecrets, string>>;
}

export interface BackupWish {
  readonly origin: BackupOrigin;
  readonly passphrase?: string | undefined;
  readonly signal: AbortSignal;
}

/** Begins one: everything that was acknowledged before is in it. The bytes throw where it cannot come to its end. */
export async function beginBackup(
  source: BackupSource,
  { origin, passphrase, signal }: BackupWish,
): Promise<Result<AsyncIterable<Buffer>, string>> {
  const secrets = await source.secrets();
  if (!secrets.ok) return secrets;
  const { files, cluster } = secrets.value;
  const { store, clock, serverId: server, version, schema } = source;
  const atMs = Math.round(clock.wallMs());
  const facts = { version, schema, atMs, server, origin, ...(cluster ? { cluster } : {}) };
  return ok(writeBackup({ facts, items: takeSnapshot({ store, files, signal }), passphrase }));
}

/** Where a server's backups are, if nobody says otherwise. */
export function backupFolderOf(dataDirectory: string): string {
  return join(dataDirectory, "backups");
}

export interface BackupFileWish extends BackupWish {
  readonly directory: string;
  /** Default: from the instant. One of a given name is replaced. */
  readonly name?: string | undefined;
}

/** Makes a file of it, which is whole and on the disk when this returns. */
export async function makeBackupFile(
  source: BackupSource,
  wish: BackupFileWish,
): Promise<Result<WrittenFile, string>> {
  const begun = await beginBackup(source, wish);
  if (!begun.ok) return begun;
  const origin = wish.origin === "schedule" ? "scheduled" : wish.origin;
  return await writeBackupFile({
    directory: wish.directory,
    name: wish.name ?? backupName(origin, source.clock.wallMs()),
    bytes: begun.value,
    existing: wish.name === undefined ? "refuse" : "replace",
  });
}
