/** `/v1/settings`: how the cluster as a whole decides. */
import { settingsChangeSchema, settingsSchema } from "../../wire/settings.ts";
import { change } from "../changes/change.ts";
import { planSettings, planSettingsChange } from "../changes/settings-changes.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "../http/app.ts";
import { etagOf, preconditionOf } from "../http/etag.ts";
import { unwrap } from "../http/problem-error.ts";
import { actorOf } from "../http/scopes.ts";
import { freshTables } from "../view/fresh.ts";
import type { ViewTables } from "../view/view-tables.ts";

const path = "/v1/settings";
const response = { 200: settingsSchema };

/** Adds the routes. */
export function settingsRoutes(app: App, context: ServerContext): void {
  app.get(path, { schema: { response } }, async (_, reply) => {
    const { value, revision } = unwrap(await freshTables(context)).settings;
    reply.header("etag", etagOf(revision));
    return value;
  });
  app.put(path, { schema: { body: settingsSchema, response } }, async (request, reply) => {
    const precondition = unwrap(preconditionOf(request));
    const plan = (tables: ViewTables) => planSettings(tables, request.body, precondition);
    const { settings } = unwrap(await change(context, actorOf(request), plan));
    reply.header("etag", etagOf(settings.revision));
    return settings.value;
  });
  app.patch(path, { schema: { body: settingsChangeSchema, response } }, async (request, reply) => {
    const precondition = unwrap(preconditionOf(request));
    const plan = (tables: ViewTables) => planSettingsChange(tables, request.body, precondition);
    const { settings } = unwrap(await change(context, actorOf(request), plan));
    reply.header("etag", etagOf(settings.revision));
    return settings.value;
  });
}
