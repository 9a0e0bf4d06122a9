/** A backup of a few records, and a restore of it whose long waits are over at once. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { BackupOrigin } from "../../../src/backup/format.ts";
import { programMigrations as migrations } from "../../../src/core/migrations/program.ts";
import { err, ok } from "../../../src/core/result.ts";
import type { Clock } from "../../../src/ports/clock.ts";
import type { JsonValue } from "../../../src/ports/store.ts";
import { makeBackupFile } from "../../../src/server/backup/make-backup.ts";
import type { RestoreOptions } from "../../../src/setup/restore/restore-backup.ts";
import { createMemoryStore } from "../../../src/stores/memory/memory-store.ts";
import { clock, quietLog, temporaryDirectory } from "../../server/harness.ts";

export interface BackedUp {
  readonly records: Readonly<Record<string, JsonValue>>;
  readonly origin: BackupOrigin;
}

/** The backup's path. */
export async function backUp(t: TestContext, { records, origin }: BackedUp): Promise<string> {
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  const then = Object.entries(records).map(
    ([key, value]) => ({ kind: "put", key, value }) as const,
  );
  assert.ok((await store.txn({ compare: [], then })).ok);
  const secrets = () => Promise.resolve(ok({ files: [], cluster: undefined }));
  const directory = await temporaryDirectory(t);
  const made = await makeBackupFile(
    { store, clock, serverId: "1", version: "0.1.0", secrets },
    { directory, origin, signal: new AbortController().signal },
  );
  assert.ok(made.ok, made.ok ? "" : made.error);
  return made.value.path;
}

export interface Restoring {
  readonly file: string;
  readonly dataDirectory: string;
  /** Gets each sentence. */
  readonly onStep?: (sentence: string) => void;
  /** Gets each long wait, in milliseconds. */
  readonly waits?: number[];
}

/** Into a place where nothing is. */
export function restoreOptions({
  file,
  dataDirectory,
  onStep = () => undefined,
  waits = [],
}: Restoring): RestoreOptions {
  return {
    ...{ file, engine: "embedded", existing: "refuse", clock: hurried(waits), log: quietLog },
    ...{ dataDirectory, onStep },
    askPassphrase: () => Promise.resolve(err("it is not encrypted")),
    program: { version: "0.1.0", migrations },
    signal: new AbortController().signal,
  };
}

/** Long waits are over at once, and noted. */
function hurried(waits: number[]): Clock {
  return {
    ...clock,
    after(delayMs, callback) {
      if (delayMs < 10_000) return clock.after(delayMs, callback);
      waits.push(delayMs);
      return clock.after(0, callback);
    },
  };
}
