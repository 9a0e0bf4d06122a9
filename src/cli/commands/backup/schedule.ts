/** `backup schedule`: when backups are made by themselves. */
import { resolve } from "node:path";
import * as z from "zod";
import type { BackupScheduleResource } from "../../../wire/backup/schedule.ts";
import { done, failOfApi, type Outcome, usage } from "../../failure.ts";
import { formatInstant, formatSpan } from "../../format/quantity.ts";
import type { Session } from "../../session.ts";
import { sizeText } from "../bundle/size-text.ts";

const optionsSchema = z.object({
  every: z.number().optional(),
  keep: z.number().optional(),
  to: z.string().optional(),
  passphraseFile: z.string().optional(),
});
const keepDefault = 14;

/** The handler of `backup schedule`. */
export async function scheduleBackups(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const [word] = values;
  const { every, keep, to, passphraseFile } = optionsSchema.parse(options);
  const isAsking = every === undefined && word === undefined;
  if (word !== undefined && (word !== "off" || every !== undefined)) {
    return usage(`"${word}" says nothing about a schedule`, "write --every 6h, or off");
  }
  if (isAsking && (keep !== undefined || to !== undefined || passphraseFile !== undefined)) {
    return usage("how often is not said", "add e.g. --every 6h");
  }
  const client = await session.client();
  if (!client.ok) return client;
  const directory = to === undefined ? {} : { directory: resolve(to) };
  const secret = passphraseFile === undefined ? {} : { passphraseFile: resolve(passphraseFile) };
  const wish =
    every === undefined
      ? null
      : { everyMs: every, keep: keep ?? keepDefault, ...directory, ...secret };
  const answer = isAsking
    ? await client.value.backupSchedule()
    : await client.value.putBackupSchedule(wish);
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => textOfSchedule(answer.value));
  return done;
}

/** The schedule, and what became of the last backup of it. */
export function textOfSchedule(resource: BackupScheduleResource): string {
  const { schedule, nextAtMs, made, failed } = resource;
  const lines: string[] = [];
  if (schedule === null) lines.push("no backups are made by themselves");
  else {
    const { everyMs, keep, directory, passphraseFile } = schedule;
    const where = directory ?? "backups in the data directory of the server that is manager";
    const how = passphraseFile === undefined ? "not encrypted" : "encrypted";
    lines.push(`every ${formatSpan(everyMs)}, ${keep} are kept, ${how}, in ${where}`);
    if (nextAtMs !== undefined) lines.push(`the next one is due at ${formatInstant(nextAtMs)}`);
  }
  if (made !== undefined) {
    const { path, server, atMs, sizeBytes } = made;
    lines.push(
      `the last one is ${path} on server ${server}, of ${formatInstant(atMs)}, ${sizeText(sizeBytes)}`,
    );
  }
  if (failed !== undefined && schedule !== null) {
    lines.push(
      `! the one that is due failed at ${formatInstant(failed.atMs)} on server ${failed.server}: ${failed.because}`,
    );
  }
  return `${lines.join("\n")}\n`;
}
