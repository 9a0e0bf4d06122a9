/** `/v1/policies`: which agent version which nodes are to run, from when on, and how far that is. */
import type { FastifyReply } from "fastify";
import * as z from "zod";
import { problemOf } from "../../../wire/errors.ts";
import {
  changedPolicySchema,
  type PolicyResource,
  policyResourceSchema,
  policySchema,
  policyStatusSchema,
} from "../../../wire/fleet/policies.ts";
import { nameSchema } from "../../../wire/ids.ts";
import { change } from "../../changes/change.ts";
import { planPutPolicy, planRemovePolicy } from "../../changes/fleet/policy-changes.ts";
import type { ServerContext } from "../../context.ts";
import { controlPlaneOf } from "../../control-plane/control-plane-of.ts";
import type { App } from "../../http/app.ts";
import { etagOf, preconditionOf } from "../../http/etag.ts";
import { ProblemError, unwrap } from "../../http/problem-error.ts";
import { actorOf } from "../../http/scopes.ts";
import { policyNodes, policyResource, policyResources } from "../../view/fleet/policy-resource.ts";
import { freshTables } from "../../view/fresh.ts";
import type { ViewTables } from "../../view/view-tables.ts";
import { mustBeSame } from "../must-be-same.ts";
import { putWish } from "./put-wish.ts";
import { unknownPropertiesOf, unknownPropertiesQuery } from "./unknown-properties.ts";

const path = "/v1/policies/:name";
const params = z.strictObject({ name: nameSchema });
const listSchema = z.object({ revision: z.int(), items: z.array(policyResourceSchema) });

/** Adds the routes. */
export function policyRoutes(app: App, context: ServerContext): void {
  readRoutes(app, context);
  putRoute(app, context);
  app.delete(path, { schema: { params } }, async (request, reply) => {
    const { name } = request.params;
    const precondition = unwrap(preconditionOf(request));
    const plan = (tables: ViewTables) => planRemovePolicy(tables, name, precondition);
    unwrap(await change(context, actorOf(request), plan));
    return reply.code(204).send();
  });
}

function readRoutes(app: App, context: ServerContext): void {
  app.get("/v1/policies", { schema: { response: { 200: listSchema } } }, async () => {
    const tables = unwrap(await freshTables(context));
    return { revision: context.view.revision, items: policyResources(tables) };
  });
  app.get(
    path,
    { schema: { params, response: { 200: policyResourceSchema } } },
    async (request, reply) => found(reply, unwrap(await freshTables(context)), request.params.name),
  );
  app.get(
    `${path}/status`,
    { schema: { params, response: { 200: policyStatusSchema } } },
    async (request, reply) => {
      const tables = unwrap(await freshTables(context));
      const policy = found(reply, tables, request.params.name);
      const record = tables.policies.get(policy.name)?.value;
      const items = record === undefined ? [] : policyNodes(tables, record);
      return { revision: context.view.revision, policy, items };
    },
  );
}

function putRoute(app: App, context: ServerContext): void {
  app.put(
    path,
    {
      schema: {
        params,
        querystring: unknownPropertiesQuery,
        body: policySchema,
        response: { 200: changedPolicySchema, 201: changedPolicySchema },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const { name } = request.params;
      mustBeSame(name, body.name);
      // Agents run only what the authority has signed.
      controlPlaneOf(context);
      const unknownProperties = unknownPropertiesOf(request.query);
      return await putWish(context, request, {
        has: (tables) => tables.policies.has(name),
        plan: (tables, facts) => planPutPolicy(tables, body, { ...facts, unknownProperties }),
        show: (tables, status) => found(reply.code(status), tables, name),
      });
    },
  );
}

function found(reply: FastifyReply, tables: ViewTables, name: string): PolicyResource {
  const resource = policyResource(tables, name);
  if (resource === undefined) {
    throw new ProblemError(problemOf("not-found", `there is no policy "${name}"`));
  }
  reply.header("etag", etagOf(resource.revision));
  return resource;
}
