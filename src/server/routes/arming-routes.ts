/** `/v1/arming`: whether the cluster acts by itself. */
import { armingRequestSchema, armingResourceSchema } from "../../wire/api.ts";
import { planArming } from "../changes/arming-changes.ts";
import { change } from "../changes/change.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "../http/app.ts";
import { etagOf, preconditionOf } from "../http/etag.ts";
import { unwrap } from "../http/problem-error.ts";
import { actorOf } from "../http/scopes.ts";
import { armingResource } from "../view/arming.ts";
import { freshTables } from "../view/fresh.ts";
import type { ViewTables } from "../view/view-tables.ts";

const path = "/v1/arming";
const response = { 200: armingResourceSchema };

/** Adds the routes. */
export function armingRoutes(app: App, context: ServerContext): void {
  app.get(path, { schema: { response } }, async (_, reply) => {
    const resource = armingResource(unwrap(await freshTables(context)));
    reply.header("etag", etagOf(resource.revision));
    return resource;
  });
  app.put(path, { schema: { body: armingRequestSchema, response } }, async (request, reply) => {
    const actor = actorOf(request);
    const options = {
      precondition: unwrap(preconditionOf(request)),
      by: actor.identity.who,
      nowMs: context.clock.wallMs(),
    };
    const plan = (tables: ViewTables) => planArming(tables, request.body, options);
    const resource = armingResource(unwrap(await change(context, actor, plan)));
    reply.header("etag", etagOf(resource.revision));
    return resource;
  });
}
