/** Backups that are made by themselves: when, where to, and what became of the last one. */
import * as z from "zod";

const version = { version: z.literal(1) };

/** Shortest and longest time between two backups, in milliseconds. */
export const backupEveryMsMin = 60_000;
export const backupEveryMsMax = 31 * 86_400_000;
/** Most files that a schedule keeps. */
export const backupKeepMax = 1_000;

const pathField = z
  .string()
  .min(1)
  .max(1_000)
  .regex(/^\/[^\0]*$/, "is no absolute path");
const scheduleFields = {
  everyMs: z.int().min(backupEveryMsMin).max(backupEveryMsMax),
  /** Files of the schedule that each server keeps; older ones are removed. */
  keep: z.int().min(1).max(backupKeepMax),
  /** On the server that is manager then; default: `backups` in its data directory. */
  directory: pathField.optional(),
  /** A file on each server that holds the passphrase; without it they are not encrypted. */
  passphraseFile: pathField.optional(),
};

/** `backup-schedule` */
export const backupScheduleRecordSchema = z.object({
  ...version,
  ...scheduleFields,
  by: z.string(),
  /** The first one is due at once, the others so many periods later. */
  sinceMs: z.number(),
});
export type BackupScheduleRecord = z.output<typeof backupScheduleRecordSchema>;

const madeSchema = z.object({
  atMs: z.number(),
  server: z.string(),
  path: z.string(),
  sizeBytes: z.int(),
  sha256: z.string(),
});
const failedSchema = z.object({ atMs: z.number(), server: z.string(), because: z.string() });

/** `backup-run`: how far the schedule has been carried out. */
export const backupRunRecordSchema = z.object({
  ...version,
  /** Of the schedule that it is about. */
  sinceMs: z.number(),
  /** The last period whose backup was made; -1: none. */
  donePeriod: z.int().min(-1),
  made: madeSchema.optional(),
  /** Why the one that is due has not been made yet. */
  failed: failedSchema.optional(),
});
export type BackupRunRecord = z.output<typeof backupRunRecordSchema>;

/** `PUT /v1/backup-schedule`; null: no more backups by themselves. */
export const backupScheduleRequestSchema = z.strictObject({
  schedule: z.strictObject(scheduleFields).nullable(),
});
export type BackupScheduleRequest = z.output<typeof backupScheduleRequestSchema>;

/** `GET` and `PUT /v1/backup-schedule` */
export const backupScheduleResourceSchema = z.object({
  schedule: z.object({ ...scheduleFields, by: z.string(), sinceMs: z.number() }).nullable(),
  /** When the next one is due; absent without a schedule. */
  nextAtMs: z.number().optional(),
  made: madeSchema.optional(),
  failed: failedSchema.optional(),
});
export type BackupScheduleResource = z.output<typeof backupScheduleResourceSchema>;
