/** A backup of this server's cluster, as bytes for whoever asked for it or as a file on this machine. */
import { join } from "node:path";
import { backupName, type WrittenFile, writeBackupFile } from "../../backup/backup-files.ts";
import type { BackupOrigin } from "../../backup/format.ts";
import type { ServerSecrets } from "../../backup/item.ts";
import { takeSnapshot } from "../../backup/snapshot.ts";
import { ofOneSchema, readShape } from "../../backup/store-shape.ts";
import { writeBackup } from "../../backup/write-backup.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Store } from "../../ports/store.ts";

/** What a server makes backups from. */
export interface BackupSource {
  readonly store: Pick<Store, "get" | "range" | "watch">;
  readonly clock: Clock;
  readonly serverId: string;
  readonly version: string;
  /** Its own files, read anew for each backup. */
  readonly secrets: () => Promise<Result<ServerSecrets, string>>;
}

export interface BackupWish {
  readonly origin: BackupOrigin;
  readonly passphrase?: string | undefined;
  readonly signal: AbortSignal;
}

/** Why none was begun. `migrating`: once that is over, one can be. */
export interface NotBegun {
  readonly kind: "migrating" | "failed";
  readonly because: string;
}

/** Begins one: everything that was acknowledged before is in it. The bytes throw where it cannot come to its end. */
export async function beginBackup(
  source: BackupSource,
  { origin, passphrase, signal }: BackupWish,
): Promise<Result<AsyncIterable<Buffer>, NotBegun>> {
  const { store, clock, serverId: server, version } = source;
  const shape = await readShape(store);
  if (!shape.ok) return err({ kind: "failed", because: shape.error });
  // A newer program than the store's may make it: the schema is what the store says, never what the program wants.
  const { schema, flaw } = shape.value;
  if (flaw !== undefined) return err({ kind: "migrating", because: migratingWords(flaw) });
  const secrets = await source.secrets();
  if (!secrets.ok) return err({ kind: "failed", because: secrets.error });
  const { files, cluster } = secrets.value;
  const atMs = Math.round(clock.wallMs());
  const facts = { version, schema, atMs, server, origin, ...(cluster ? { cluster } : {}) };
  const items = ofOneSchema(takeSnapshot({ store, files, signal }), schema);
  return ok(writeBackup({ facts, items, passphrase }));
}

function migratingWords(flaw: string): string {
  return `${flaw}: what is made now could not be restored`;
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
  if (!begun.ok) return err(begun.error.because);
  const origin = wish.origin === "schedule" ? "scheduled" : wish.origin;
  return await writeBackupFile({
    directory: wish.directory,
    name: wish.name ?? backupName(origin, source.clock.wallMs()),
    bytes: begun.value,
    existing: wish.name === undefined ? "refuse" : "replace",
  });
}
