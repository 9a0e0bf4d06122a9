/** `/v1/freeze`: whether people may change anything now. */
import type { FastifyRequest } from "fastify";
import { freezeRequestSchema, freezeResourceSchema } from "../../../wire/api.ts";
import { change } from "../../changes/change.ts";
import { planFreeze, planUnfreeze } from "../../changes/freeze-changes.ts";
import type { ServerContext } from "../../context.ts";
import type { App } from "../../http/app.ts";
import { etagOf, preconditionOf } from "../../http/etag.ts";
import { unwrap } from "../../http/problem-error.ts";
import { actorOf } from "../../http/scopes.ts";
import { freezeResource } from "../../view/freeze.ts";
import { freshTables } from "../../view/fresh.ts";
import type { ViewTables } from "../../view/view-tables.ts";

const path = "/v1/freeze";
const response = { 200: freezeResourceSchema };

/** Adds the routes. */
export function freezeRoutes(app: App, context: ServerContext): void {
  const shown = (tables: ViewTables) => freezeResource(tables, context.clock.wallMs());
  const optionsOf = (request: FastifyRequest) => ({
    precondition: unwrap(preconditionOf(request)),
    by: actorOf(request).identity.who,
    nowMs: context.clock.wallMs(),
  });
  app.get(path, { schema: { response } }, async (_, reply) => {
    const resource = shown(unwrap(await freshTables(context)));
    reply.header("etag", etagOf(resource.revision));
    return resource;
  });
  app.put(path, { schema: { body: freezeRequestSchema, response } }, async (request, reply) => {
    const options = optionsOf(request);
    const plan = (tables: ViewTables) => planFreeze(tables, request.body, options);
    const resource = shown(unwrap(await change(context, actorOf(request), plan)));
    reply.header("etag", etagOf(resource.revision));
    return resource;
  });
  app.delete(path, { schema: { response } }, async (request, reply) => {
    const options = optionsOf(request);
    const plan = (tables: ViewTables) => planUnfreeze(tables, options);
    const resource = shown(unwrap(await change(context, actorOf(request), plan)));
    reply.header("etag", etagOf(resource.revision));
    return resource;
  });
}
