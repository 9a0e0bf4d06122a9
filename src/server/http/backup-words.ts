/** What `/openapi.json` says about the routes of backups. */
import type { RouteWords } from "./route-words.ts";

export const backupWords: Readonly<Record<string, RouteWords>> = {
  "POST /v1/backup": {
    operationId: "createBackup",
    summary:
      "Everything as of one revision, with the keys of this server, not encrypted; an answer that ends early is no backup",
    answer: "bytes",
  },
  "GET /v1/backup-schedule": {
    operationId: "getBackupSchedule",
    summary: "When backups are made by themselves, and what became of the last one",
  },
  "PUT /v1/backup-schedule": {
    operationId: "putBackupSchedule",
    summary: "Change when backups are made by themselves, or end that",
  },
};
