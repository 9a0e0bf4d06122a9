/** `/v1/backup` and `/v1/backup-schedule`: everything that the cluster knows, and when it is kept by itself. */
import { Readable } from "node:stream";
import { err, ok } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import {
  type BackupScheduleRecord,
  backupScheduleRequestSchema,
  backupScheduleResourceSchema,
} from "../../wire/backup/schedule.ts";
import { type Problem, problemOf } from "../../wire/errors.ts";
import { keys } from "../../wire/records.ts";
import { change } from "../changes/change.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "../http/app.ts";
import { unwrap } from "../http/problem-error.ts";
import { actorOf } from "../http/scopes.ts";
import { createCounter } from "../routes/bundles-routes.ts";
import { backupSourceOf } from "./backup-source.ts";
import { beginBackup, type NotBegun } from "./make-backup.ts";
import { readSchedule, scheduleResource } from "./schedule.ts";

/** Backups that may be sent at a time. */
const backupsMax = 2;
/** A reader that takes nothing for so long is let go of. */
const idleMsMax = 60_000;
const schedulePath = "/v1/backup-schedule";
const response = { 200: backupScheduleResourceSchema };

/** Adds the routes. */
export function backupRoutes(app: App, context: ServerContext): void {
  const sending = createCounter(backupsMax, "backups are being made already");
  app.post("/v1/backup", { config: { stream: true } }, async (request, reply) => {
    sending.enter(reply);
    const note = { action: "backup.create", subject: "cluster", detail: "sent to a client" };
    const plan = { compare: [], operations: [], ...note, whileFrozen: "goes-on" } as const;
    const over = new AbortController();
    const wish = { origin: "person", signal: over.signal } as const;
    const begun = await beginBackup(backupSourceOf(context), wish);
    const bytes = unwrap(begun.ok ? begun : err(problemOfBegin(begun.error)));
    // Nothing of it is read before the audit has it.
    unwrap(await change(context, actorOf(request), () => ok(plan)));
    const content = Readable.from(bytes, { objectMode: false });
    content.once("error", (error) => context.log.write("warn", `a backup: ${error.message}`));
    reply.raw.setTimeout(idleMsMax, () => reply.raw.destroy());
    reply.raw.once("close", () => {
      over.abort();
      content.destroy();
    });
    return reply.type("application/octet-stream").send(content);
  });
  scheduleRoutes(app, context);
}

function problemOfBegin({ kind, because }: NotBegun): Problem {
  const problem = problemOf("unavailable", because);
  if (kind === "failed") return problem;
  return {
    ...problem,
    hint: "wait until that is over: holdfast upgrade status, holdfast server schema",
  };
}

function scheduleRoutes(app: App, context: ServerContext): void {
  const { store, clock } = context;
  const stored = async () => {
    const read = await readSchedule(store);
    return unwrap(read.ok ? read : err(problemOf("unavailable", read.error)));
  };
  const shown = async () => scheduleResource(await stored(), clock.wallMs());
  app.get(schedulePath, { schema: { response } }, shown);
  app.put(
    schedulePath,
    { schema: { body: backupScheduleRequestSchema, response } },
    async (request) => {
      const actor = actorOf(request);
      const { schedule } = request.body;
      const key = keys.backupSchedule;
      const record: BackupScheduleRecord | undefined = schedule
        ? { version: 1, ...schedule, by: actor.identity.who, sinceMs: clock.wallMs() }
        : undefined;
      const operation =
        record === undefined
          ? ({ kind: "delete", key } as const)
          : ({ kind: "put", key, value: jsonOf(record) } as const);
      const detail = schedule
        ? `every ${schedule.everyMs / 1_000} s, ${schedule.keep} kept`
        : "off";
      const plan = {
        compare: [],
        operations: [operation],
        ...{ action: "backup.schedule", subject: "cluster", detail },
        whileFrozen: "goes-on",
      } as const;
      unwrap(await change(context, actor, () => ok(plan)));
      return await shown();
    },
  );
}
