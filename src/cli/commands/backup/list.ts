/** `backup list`: the files of a folder by their headers, and what the schedule has done last. */
import { join } from "node:path";
import { type ListedBackup, listBackups } from "../../../backup/backup-files.ts";
import type { BackupScheduleResource } from "../../../wire/backup/schedule.ts";
import { done, fail, type Outcome } from "../../failure.ts";
import { formatInstant } from "../../format/quantity.ts";
import type { Session } from "../../session.ts";
import { sizeText } from "../bundle/size-text.ts";
import { dataDirectoryOf } from "./data-directory.ts";
import { textOfSchedule } from "./schedule.ts";

/** The handler of `backup list`. */
export async function listBackupFiles(
  session: Session,
  values: readonly string[],
): Promise<Outcome> {
  const directory = values[0] ?? join(dataDirectoryOf(session), "backups");
  const listed = await listBackups(directory);
  if (!listed.ok) return fail(1, listed.error);
  const schedule = await scheduleOf(session);
  const items = listed.value.map(dataOf);
  const body = { directory, items, ...(schedule === undefined ? {} : { schedule }) };
  session.print(body, () => {
    const table =
      items.length === 0
        ? `no backups in ${directory}\n`
        : session.table(
            ["FILE", "MADE", "BY", "VERSION", "SCHEMA", "REVISION", "SIZE", "ENCRYPTED", "STATE"],
            listed.value.map(rowOf),
          );
    return schedule === undefined ? table : `${table}\n${textOfSchedule(schedule)}`;
  });
  return done;
}

/** Undefined: no server answers, or it may not be asked; the files are there all the same. */
async function scheduleOf(session: Session): Promise<BackupScheduleResource | undefined> {
  const client = await session.client();
  const answer = client.ok ? await client.value.backupSchedule() : undefined;
  return answer?.ok === true ? answer.value : undefined;
}

function dataOf({ name, sizeBytes, header, summary }: ListedBackup) {
  const known = header.ok ? header.value : { because: header.error };
  const isEncrypted = header.ok && header.value.encryption !== undefined;
  return { name, sizeBytes, isReadable: header.ok, isEncrypted, ...known, summary };
}

function rowOf({ name, sizeBytes, header, summary }: ListedBackup): readonly string[] {
  const size = sizeText(sizeBytes);
  if (!header.ok) return [name, "-", "-", "-", "-", "-", size, "-", header.error];
  const { atMs, server, version, schema, encryption } = header.value;
  return [
    ...[name, formatInstant(atMs), `server ${server}`, version, String(schema)],
    ...[String(summary?.revision ?? "-"), size, encryption === undefined ? "no" : "yes"],
    summary === undefined ? "cut off" : "ok",
  ];
}
