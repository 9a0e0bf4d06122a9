/** Keeps all that a store and its server have in a backup beside the store, before a migration changes it. */
import { join } from "node:path";
import { writeBackupFile } from "../backup/backup-files.ts";
import { takeSnapshot } from "../backup/snapshot.ts";
import { writeBackup } from "../backup/write-backup.ts";
import { ok, type Result } from "../core/result.ts";
import type { Clock } from "../ports/clock.ts";
import type { SaveBefore } from "../server/schema/migrate-alone.ts";
import { readServerSecrets } from "./restore/server-secrets.ts";

export interface SaveBeforeOptions {
  readonly dataDirectory: string;
  readonly clock: Clock;
  /** Of this program. */
  readonly version: string;
  readonly serverId: string;
}

/** Makes what a server does before it migrates its store. An earlier file of the same schema is replaced. */
export function saveBeforeMigration(options: SaveBeforeOptions): SaveBefore {
  const { dataDirectory, clock, version, serverId } = options;
  return async (store, schema): Promise<Result<string, string>> => {
    const secrets = await readServerSecrets(dataDirectory);
    if (!secrets.ok) return secrets;
    const { files, cluster } = secrets.value;
    const atMs = clock.wallMs();
    const items = takeSnapshot({ store, files, signal: new AbortController().signal });
    const facts = {
      ...{ version, schema, atMs, server: serverId, origin: "upgrade" as const },
      ...(cluster === undefined ? {} : { cluster }),
    };
    const written = await writeBackupFile({
      directory: join(dataDirectory, "backups"),
      name: `before-schema-${schema + 1}.backup`,
      bytes: writeBackup({ facts, items }),
      existing: "replace",
    });
    return written.ok ? ok(written.value.path) : written;
  };
}
