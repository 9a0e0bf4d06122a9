/** `/v1/rules`: where services may run: on which nodes, and with which others. */
import type { FastifyReply } from "fastify";
import * as z from "zod";
import { type RuleResource, ruleResourceSchema } from "../../wire/api.ts";
import { problemOf } from "../../wire/errors.ts";
import { nameSchema } from "../../wire/ids.ts";
import { ruleSchema } from "../../wire/placement.ts";
import { change } from "../changes/change.ts";
import { planPutRule, planRemoveRule } from "../changes/rule-changes.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "../http/app.ts";
import { etagOf, preconditionOf } from "../http/etag.ts";
import { ProblemError, unwrap } from "../http/problem-error.ts";
import { actorOf } from "../http/scopes.ts";
import { freshTables } from "../view/fresh.ts";
import { ruleResource, ruleResources } from "../view/placement.ts";
import type { ViewTables } from "../view/view-tables.ts";

const list = "/v1/rules";
const one = "/v1/rules/:name";
const params = z.strictObject({ name: nameSchema });
const listSchema = z.object({ revision: z.int(), items: z.array(ruleResourceSchema) });
const answers = { 200: ruleResourceSchema, 201: ruleResourceSchema };

/** Adds the routes. */
export function ruleRoutes(app: App, context: ServerContext): void {
  app.get(list, { schema: { response: { 200: listSchema } } }, async () => {
    const tables = unwrap(await freshTables(context));
    return { revision: context.view.revision, items: ruleResources(tables) };
  });
  app.get(
    one,
    { schema: { params, response: { 200: ruleResourceSchema } } },
    async (request, reply) => found(reply, unwrap(await freshTables(context)), request.params.name),
  );
  app.put(
    one,
    { schema: { params, body: ruleSchema, response: answers } },
    async (request, reply) => {
      const { name } = request.params;
      mustBeSame(name, request.body.name);
      const precondition = unwrap(preconditionOf(request));
      let existed = false;
      const plan = (tables: ViewTables) => {
        existed = tables.rules.has(name);
        return planPutRule(tables, request.body, precondition);
      };
      const tables = unwrap(await change(context, actorOf(request), plan));
      return found(reply.code(existed ? 200 : 201), tables, name);
    },
  );
  app.delete(one, { schema: { params } }, async (request, reply) => {
    const { name } = request.params;
    const precondition = unwrap(preconditionOf(request));
    const plan = (tables: ViewTables) => planRemoveRule(tables, name, precondition);
    unwrap(await change(context, actorOf(request), plan));
    return reply.code(204).send();
  });
}

function mustBeSame(inPath: string, inBody: string): void {
  if (inPath === inBody) return;
  const message = `the path says "${inPath}", the body says "${inBody}"`;
  throw new ProblemError(problemOf("bad-input", message, [{ path: "name", message }]));
}

function found(reply: FastifyReply, tables: ViewTables, name: string): RuleResource {
  const resource = ruleResource(tables, name);
  if (resource === undefined) {
    throw new ProblemError(problemOf("not-found", `there is no rule "${name}"`));
  }
  reply.header("etag", etagOf(resource.revision));
  return resource;
}
