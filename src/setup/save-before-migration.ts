/** Keeps all that a store and its server have in a backup beside the store, before a migration changes it. */
import { ok, type Result } from "../core/result.ts";
import type { Clock } from "../ports/clock.ts";
import { backupFolderOf, makeBackupFile } from "../server/backup/make-backup.ts";
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
  const secrets = () => readServerSecrets(dataDirectory);
  return async (store, schema): Promise<Result<string, string>> => {
    const written = await makeBackupFile(
      { store, clock, serverId, version, secrets },
      {
        directory: backupFolderOf(dataDirectory),
        name: `before-schema-${schema + 1}.backup`,
        origin: "upgrade",
        signal: new AbortController().signal,
      },
    );
    return written.ok ? ok(written.value.path) : written;
  };
}
