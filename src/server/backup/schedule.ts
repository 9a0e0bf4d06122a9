/** The schedule of backups as the store has it, and when the next one is due. */
import { err, ok, type Result } from "../../core/result.ts";
import type { Store, StoreRevision } from "../../ports/store.ts";
import { readRecord } from "../../runtime/manager-records.ts";
import {
  type BackupRunRecord,
  type BackupScheduleRecord,
  type BackupScheduleResource,
  backupRunRecordSchema,
  backupScheduleRecordSchema,
} from "../../wire/backup/schedule.ts";
import { keys } from "../../wire/records.ts";

/** Both records, each with the revision that a change of it compares. */
export interface StoredSchedule {
  readonly schedule: BackupScheduleRecord | undefined;
  readonly run: BackupRunRecord | undefined;
  readonly scheduleRevision: StoreRevision | undefined;
  readonly runRevision: StoreRevision | undefined;
}

/** Reads them. A run of an earlier schedule counts for nothing but what it has made. */
export async function readSchedule(
  store: Pick<Store, "get">,
): Promise<Result<StoredSchedule, string>> {
  const schedule = await store.get(keys.backupSchedule);
  if (!schedule.ok) return err(schedule.error.message);
  const run = await store.get(keys.backupRun);
  if (!run.ok) return err(run.error.message);
  const [ofSchedule, ofRun] = [schedule.value.entry, run.value.entry];
  return ok({
    schedule:
      ofSchedule && readRecord(backupScheduleRecordSchema, ofSchedule.key, ofSchedule.value),
    run: ofRun && readRecord(backupRunRecordSchema, ofRun.key, ofRun.value),
    scheduleRevision: ofSchedule?.modRevision,
    runRevision: ofRun?.modRevision,
  });
}

/** A period whose backup is to be made. */
export interface Period {
  readonly number: number;
  /** When it began: it names the file, so that one that is made twice is one file. */
  readonly atMs: number;
}

/** The period of now, if its backup has not been made; else when the next one begins. Missed periods are made up once. */
export function duePeriod(
  schedule: BackupScheduleRecord,
  run: BackupRunRecord | undefined,
  nowMs: number,
):
  | { readonly kind: "due"; readonly period: Period }
  | { readonly kind: "wait"; readonly atMs: number } {
  const { everyMs, sinceMs } = schedule;
  const number = Math.max(0, Math.floor((nowMs - sinceMs) / everyMs));
  const done = run?.sinceMs === sinceMs ? run.donePeriod : -1;
  if (number > done) return { kind: "due", period: { number, atMs: sinceMs + number * everyMs } };
  return { kind: "wait", atMs: sinceMs + (done + 1) * everyMs };
}

/** As people see it. */
export function scheduleResource(
  { schedule, run }: StoredSchedule,
  nowMs: number,
): BackupScheduleResource {
  const results = {
    ...(run?.made === undefined ? {} : { made: run.made }),
    ...(run?.failed === undefined ? {} : { failed: run.failed }),
  };
  if (schedule === undefined) return { schedule: null, ...results };
  const { version: _version, ...shown } = schedule;
  const due = duePeriod(schedule, run, nowMs);
  const nextAtMs = due.kind === "due" ? due.period.atMs : due.atMs;
  return { schedule: shown, nextAtMs, ...results };
}

/** What somebody has to look at; undefined: nothing. */
export function scheduleWarning({ schedule, run }: StoredSchedule): string | undefined {
  if (schedule === undefined || run?.failed === undefined) return undefined;
  const { server, because, atMs } = run.failed;
  return `the backup that is due since ${new Date(atMs).toISOString()} has failed on server ${server}: ${because}`;
}
