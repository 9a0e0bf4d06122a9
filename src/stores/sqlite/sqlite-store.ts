/**
 * The embedded store: one SQLite file, opened by one process. It is the default of a single server; see
 * docs/safety.md for what it promises after crashes and with a full disk.
 */
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Store } from "../../ports/store.ts";
import { EmbeddedStore } from "../shared/embedded-store.ts";
import { historyBytesMaxDefault, historyRevisionsMaxDefault } from "../shared/limits.ts";
import { openDatabase, type StoreOpenError } from "./open-database.ts";
import { SqliteBackend } from "./sqlite-backend.ts";

export interface SqliteStoreOptions {
  /** The file; it and the folders above it are made if need be, for this user alone. */
  readonly file: string;
  /** Measures leases; each gets its full time again when the store is opened. */
  readonly clock: Clock;
  /** Revisions that watches can resume from, at least; default 10,000. */
  readonly historyRevisionsMax?: number;
  /** What the kept revisions may hold, in bytes; default 64 MiB. */
  readonly historyBytesMax?: number;
}

/** Opens or creates the store. The error is one clear line that names the file. */
export function openSqliteStore(
  options: SqliteStoreOptions,
): Promise<Result<Store, StoreOpenError>> {
  const opened = openDatabase(options.file);
  if (!opened.ok) return Promise.resolve(err(opened.error));
  const backend = new SqliteBackend({
    database: opened.value,
    file: options.file,
    historyRevisionsMax: options.historyRevisionsMax ?? historyRevisionsMaxDefault,
    historyBytesMax: options.historyBytesMax ?? historyBytesMaxDefault,
  });
  const schedule = (run: () => void): void => {
    setImmediate(run);
  };
  return Promise.resolve(ok(new EmbeddedStore({ backend, clock: options.clock, schedule })));
}
