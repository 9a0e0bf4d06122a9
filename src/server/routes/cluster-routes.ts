/** `/v1/cluster`: the cluster as a whole. */
import { clusterStatusSchema } from "../../wire/api.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "../http/app.ts";
import { unwrap } from "../http/problem-error.ts";
import { clusterStatus } from "../view/compose.ts";
import { freshTables } from "../view/fresh.ts";

/** Adds the route. */
export function clusterRoutes(app: App, context: ServerContext): void {
  app.get("/v1/cluster", { schema: { response: { 200: clusterStatusSchema } } }, async () => {
    unwrap(await freshTables(context));
    return clusterStatus(context.view, context);
  });
}
