/** `/v1/cluster`: the cluster as a whole. */
import { clusterStatusSchema } from "../../wire/api.ts";
import { readSchedule, scheduleWarning } from "../backup/schedule.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "../http/app.ts";
import { unwrap } from "../http/problem-error.ts";
import { versionWarnings } from "../own-config/version-skew.ts";
import { clusterStatus } from "../view/compose.ts";
import { freshTables } from "../view/fresh.ts";

/** Adds the route. */
export function clusterRoutes(app: App, context: ServerContext): void {
  app.get("/v1/cluster", { schema: { response: { 200: clusterStatusSchema } } }, async () => {
    const tables = unwrap(await freshTables(context));
    const warnings = [...versionWarnings(context, tables)];
    const status = clusterStatus(context.view, context, context.clock.wallMs());
    const schedule = await readSchedule(context.store);
    const backupWarning = schedule.ok ? scheduleWarning(schedule.value) : undefined;
    return {
      ...status,
      ...(backupWarning === undefined ? {} : { backupWarning }),
      ...(warnings.length === 0 ? {} : { versionWarnings: warnings }),
    };
  });
}
