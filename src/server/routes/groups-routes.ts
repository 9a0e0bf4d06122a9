/** `/v1/groups`: named lists of nodes that services refer to. */
import type { FastifyReply } from "fastify";
import * as z from "zod";
import { type GroupResource, groupResourceSchema } from "../../wire/api.ts";
import { problemOf } from "../../wire/errors.ts";
import { nameSchema } from "../../wire/ids.ts";
import { groupSchema } from "../../wire/placement.ts";
import { change } from "../changes/change.ts";
import { planPutGroup, planRemoveGroup } from "../changes/group-changes.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "../http/app.ts";
import { etagOf, preconditionOf } from "../http/etag.ts";
import { ProblemError, unwrap } from "../http/problem-error.ts";
import { actorOf } from "../http/scopes.ts";
import { freshTables } from "../view/fresh.ts";
import { groupResource, groupResources } from "../view/placement.ts";
import type { ViewTables } from "../view/view-tables.ts";

const list = "/v1/groups";
const one = "/v1/groups/:name";
const params = z.strictObject({ name: nameSchema });
const listSchema = z.object({ revision: z.int(), items: z.array(groupResourceSchema) });
const answers = { 200: groupResourceSchema, 201: groupResourceSchema };

/** Adds the routes. */
export function groupRoutes(app: App, context: ServerContext): void {
  app.get(list, { schema: { response: { 200: listSchema } } }, async () => {
    const tables = unwrap(await freshTables(context));
    return { revision: context.view.revision, items: groupResources(tables) };
  });
  app.get(
    one,
    { schema: { params, response: { 200: groupResourceSchema } } },
    async (request, reply) => found(reply, unwrap(await freshTables(context)), request.params.name),
  );
  app.put(
    one,
    { schema: { params, body: groupSchema, response: answers } },
    async (request, reply) => {
      const { name } = request.params;
      mustBeSame(name, request.body.name);
      const precondition = unwrap(preconditionOf(request));
      let existed = false;
      const plan = (tables: ViewTables) => {
        existed = tables.groups.has(name);
        return planPutGroup(tables, request.body, precondition);
      };
      const tables = unwrap(await change(context, actorOf(request), plan));
      return found(reply.code(existed ? 200 : 201), tables, name);
    },
  );
  app.delete(one, { schema: { params } }, async (request, reply) => {
    const { name } = request.params;
    const precondition = unwrap(preconditionOf(request));
    const plan = (tables: ViewTables) => planRemoveGroup(tables, name, precondition);
    unwrap(await change(context, actorOf(request), plan));
    return reply.code(204).send();
  });
}

function mustBeSame(inPath: string, inBody: string): void {
  if (inPath === inBody) return;
  const message = `the path says "${inPath}", the body says "${inBody}"`;
  throw new ProblemError(problemOf("bad-input", message, [{ path: "name", message }]));
}

function found(reply: FastifyReply, tables: ViewTables, name: string): GroupResource {
  const resource = groupResource(tables, name);
  if (resource === undefined) {
    throw new ProblemError(problemOf("not-found", `there is no group "${name}"`));
  }
  reply.header("etag", etagOf(resource.revision));
  return resource;
}
