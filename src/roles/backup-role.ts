/** `backup create --data` and `backup restore`, with real parts. */
import { Readable } from "node:stream";
import { systemClock as clock } from "../adapters/clock/system-clock.ts";
import { backupName, writeBackupFile } from "../backup/backup-files.ts";
import { BackupBroken } from "../backup/write-backup.ts";
import { passphraseSource } from "../cli/commands/backup/passphrase.ts";
import { programVersion } from "../cli/commands/version.ts";
import { done, fail, type Outcome } from "../cli/failure.ts";
import type { CliIo } from "../cli/io.ts";
import type { BackupCreateOptions, BackupRestoreOptions } from "../cli/roles.ts";
import { programMigrations as migrations } from "../core/migrations/program.ts";
import type { Log } from "../ports/log.ts";
import { beginBackup } from "../server/backup/make-backup.ts";
import { openOffline } from "../setup/restore/open-offline.ts";
import { type Restored, restoreBackup } from "../setup/restore/restore-backup.ts";
import { startWords } from "../setup/units.ts";

/** Without a server: from the file of its store, or by way of its member of etcd. */
export async function createBackupRole(options: BackupCreateOptions, io: CliIo): Promise<Outcome> {
  const { dataDirectory, to, passphrase } = options;
  const { signal } = io;
  const place = { dataDirectory, version: programVersion, clock, log: quietLog, signal };
  const opened = await openOffline(place);
  if (!opened.ok) return fail(1, opened.error);
  try {
    const begun = await beginBackup(opened.value.source, { origin: "person", passphrase, signal });
    if (!begun.ok) return fail(1, begun.error.because);
    if (to === "-") {
      for await (const piece of Readable.from(begun.value)) await io.bytes.write("stdout", piece);
      return done;
    }
    const name = backupName("person", clock.wallMs());
    const file = { directory: to, name, bytes: begun.value, existing: "refuse" } as const;
    const written = await writeBackupFile(file);
    if (!written.ok) return fail(1, written.error);
    io.stdout.write(`${written.value.path}\n`);
    return done;
  } catch (error: unknown) {
    if (error instanceof BackupBroken) return fail(1, error.message);
    throw error;
  } finally {
    await opened.value.close();
  }
}

/** Says each step to the person. */
export async function restoreBackupRole(
  options: BackupRestoreOptions,
  io: CliIo,
): Promise<Outcome> {
  const restored = await restoreBackup({
    ...options,
    address: { host: options.host, port: options.port },
    askPassphrase: passphraseSource(io, options.passphraseFile),
    program: { version: programVersion, migrations },
    onStep: (sentence) => io.stdout.write(`${sentence}\n`),
    ...{ clock, log: quietLog, signal: io.signal },
  });
  if (!restored.ok) return fail(1, restored.error);
  io.stdout.write(
    restored.value === "completed" ? completedWords : nextSteps(options, restored.value),
  );
  return done;
}

const completedWords =
  "an earlier restore was cut off near its end; it is done now: start the server\n";

function nextSteps(options: BackupRestoreOptions, restored: Restored): string {
  const { backup, keyCount, before } = restored;
  const { header, summary } = backup;
  // Initialised already, it gets its unit, which is started.
  const byUnit =
    restored.server.identity === undefined
      ? ""
      : `; where systemd is to run it: holdfast server init --data ${options.dataDirectory}`;
  const lines = [
    `${options.dataDirectory} holds the cluster as it was at ${new Date(header.atMs).toISOString()} (revision ${summary.revision}): ${keyCount} records, ${summary.nodeCount} nodes, ${summary.serviceCount} services`,
    before === undefined ? undefined : `what was there before is kept in ${before}`,
    `start it with: holdfast ${startWords.server} --data ${options.dataDirectory}${byUnit}`,
    "agents come back by themselves; other servers join anew: holdfast join-script --server",
    summary.bundleCount === 0
      ? undefined
      : `${summary.bundleCount} bundles are listed, their contents are in no backup: push again what holdfast bundle list calls missing`,
    "what was changed after the backup is lost: also passwords, and tokens and nodes that were removed since",
  ];
  return `${lines.filter((line) => line !== undefined).join("\n")}\n`;
}

/** The person reads each step; a store's own words are of no use here. */
const quietLog: Log = { write: () => undefined, with: () => quietLog };
