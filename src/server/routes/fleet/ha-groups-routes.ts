/** `/v1/ha-groups`: sets of nodes of which at most one may be upgrading at a time. */
import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import { err, type Result } from "../../../core/result.ts";
import { type Problem, problemOf } from "../../../wire/errors.ts";
import {
  type HaGroupResource,
  haGroupChangeSchema,
  haGroupResourceSchema,
  haGroupSchema,
} from "../../../wire/fleet/ha-groups.ts";
import { nameSchema, nodeIdSchema } from "../../../wire/ids.ts";
import { type ChangePlan, change } from "../../changes/change.ts";
import {
  type GroupWish,
  planAddMember,
  planCreateHaGroup,
  planPutHaGroup,
  planRemoveHaGroup,
  planRemoveMember,
} from "../../changes/fleet/ha-groups/group-plans.ts";
import type { FromOthers } from "../../changes/fleet/ha-groups/membership.ts";
import type { ServerContext } from "../../context.ts";
import type { App } from "../../http/app.ts";
import { etagOf, preconditionOf } from "../../http/etag.ts";
import { ProblemError, unwrap } from "../../http/problem-error.ts";
import { actorOf } from "../../http/scopes.ts";
import { freshTables } from "../../view/fresh.ts";
import { haGroupResource, haGroupResources } from "../../view/ha-groups.ts";
import type { ViewTables } from "../../view/view-tables.ts";

const groupParams = z.strictObject({ name: nameSchema });
const memberParams = z.strictObject({ name: nameSchema, node: nodeIdSchema });
/** `force`: nodes that are in another group move. */
const forceQuery = z.strictObject({
  force: z
    .enum(["true", "false"])
    .default("false")
    .transform((text): FromOthers => (text === "true" ? "move" : "refuse")),
});
const listSchema = z.object({ revision: z.int(), items: z.array(haGroupResourceSchema) });
const one = { response: { 200: haGroupResourceSchema } };

/** Adds the routes. */
export function haGroupRoutes(app: App, context: ServerContext): void {
  readRoutes(app, context);
  app.post(
    "/v1/ha-groups",
    {
      schema: {
        body: haGroupSchema,
        querystring: forceQuery,
        response: { 201: haGroupResourceSchema },
      },
    },
    async (request, reply) => {
      const { name } = request.body;
      const wish = wishOf(context, request, request.query);
      const tables = await changed(context, request, (facts) =>
        planCreateHaGroup(facts, name, request.body, wish),
      );
      return found(reply.code(201), tables, name);
    },
  );
  app.put(
    "/v1/ha-groups/:name",
    {
      schema: {
        params: groupParams,
        body: haGroupChangeSchema,
        querystring: forceQuery,
        response: { 200: haGroupResourceSchema, 201: haGroupResourceSchema },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const wish = wishOf(context, request, request.query);
      let existed = false;
      const tables = await changed(context, request, (facts) => {
        existed = facts.haGroups.has(name);
        const { name: other = name } = request.body;
        return other === name
          ? planPutHaGroup(facts, name, request.body, wish)
          : notTheSame(name, other);
      });
      return found(reply.code(existed ? 200 : 201), tables, name);
    },
  );
  app.delete("/v1/ha-groups/:name", { schema: { params: groupParams } }, async (request, reply) => {
    const { name } = request.params;
    const wish = wishOf(context, request);
    await changed(context, request, (facts) => planRemoveHaGroup(facts, name, wish));
    return reply.code(204).send();
  });
  memberRoutes(app, context);
}

function readRoutes(app: App, context: ServerContext): void {
  app.get("/v1/ha-groups", { schema: { response: { 200: listSchema } } }, async () => {
    const tables = unwrap(await freshTables(context));
    return { revision: context.view.revision, items: haGroupResources(tables) };
  });
  app.get(
    "/v1/ha-groups/:name",
    { schema: { params: groupParams, ...one } },
    async (request, reply) => found(reply, unwrap(await freshTables(context)), request.params.name),
  );
}

function memberRoutes(app: App, context: ServerContext): void {
  const path = "/v1/ha-groups/:name/members/:node";
  app.put(
    path,
    { schema: { params: memberParams, querystring: forceQuery, ...one } },
    async (request, reply) => {
      const { params } = request;
      const wish = wishOf(context, request, request.query);
      const plan = (facts: ViewTables) => planAddMember(facts, params, wish);
      return found(reply, await changed(context, request, plan), params.name);
    },
  );
  app.delete(path, { schema: { params: memberParams, ...one } }, async (request, reply) => {
    const { params } = request;
    const wish = wishOf(context, request);
    const plan = (facts: ViewTables) => planRemoveMember(facts, params, wish);
    return found(reply, await changed(context, request, plan), params.name);
  });
}

function wishOf(
  context: ServerContext,
  request: FastifyRequest,
  { force }: { readonly force: FromOthers } = { force: "refuse" },
): GroupWish {
  return {
    identity: actorOf(request).identity,
    nowMs: context.clock.wallMs(),
    precondition: unwrap(preconditionOf(request)),
    fromOthers: force,
  };
}

async function changed(
  context: ServerContext,
  request: FastifyRequest,
  plan: (facts: ViewTables) => Result<ChangePlan, Problem>,
): Promise<ViewTables> {
  return unwrap(await change(context, actorOf(request), plan));
}

function found(reply: FastifyReply, tables: ViewTables, name: string): HaGroupResource {
  const group = haGroupResource(tables, name);
  if (group === undefined) {
    throw new ProblemError(problemOf("not-found", `there is no HA group "${name}"`));
  }
  reply.header("etag", etagOf(group.revision));
  return group;
}

function notTheSame(inPath: string, inBody: string): Result<never, Problem> {
  const message = `the path says "${inPath}", the body says "${inBody}"`;
  return err(problemOf("bad-input", message, [{ path: "name", message }]));
}
