/** What the client can ask about backups; the content is received as it comes, never gathered in memory. */
import type * as z from "zod";
import {
  type BackupScheduleRequest,
  type BackupScheduleResource,
  backupScheduleResourceSchema,
} from "../wire/backup/schedule.ts";
import type { ApiResult } from "./api-error.ts";
import { type ApiRequest, openBoth, type TransportOptions } from "./transport.ts";

/** A server of which nothing comes for so long is given up. */
const idleMsMax = 60_000;
const schedulePath = "/v1/backup-schedule";

/** Requests about backups. */
export interface BackupRequests {
  /** The bytes of a backup that is not encrypted; one that breaks off does not end as a backup does. */
  createBackup(signal?: AbortSignal): Promise<ApiResult<AsyncIterable<Uint8Array>>>;
  backupSchedule(): Promise<ApiResult<BackupScheduleResource>>;
  putBackupSchedule(
    schedule: BackupScheduleRequest["schedule"],
  ): Promise<ApiResult<BackupScheduleResource>>;
}

type Send = <T>(schema: z.ZodType<T>, request: ApiRequest) => Promise<ApiResult<T>>;

/** The requests over a transport. */
export function backupRequests(transport: TransportOptions, send: Send): BackupRequests {
  return {
    createBackup: (signal) => readBackup(transport, signal),
    backupSchedule: () => send(backupScheduleResourceSchema, { method: "GET", path: schedulePath }),
    putBackupSchedule: (schedule) =>
      send(backupScheduleResourceSchema, {
        method: "PUT",
        path: schedulePath,
        body: { schedule },
      }),
  };
}

async function readBackup(
  transport: TransportOptions,
  signal: AbortSignal | undefined,
): Promise<ApiResult<AsyncIterable<Uint8Array>>> {
  const opened = await openBoth(transport, { method: "POST", path: "/v1/backup", signal });
  if (!opened.ok) return opened;
  const { response } = opened.value;
  response.setTimeout(idleMsMax, () => {
    response.destroy(new Error(`nothing came for ${idleMsMax / 1_000} s`));
  });
  return { ok: true, value: response, body: undefined };
}
