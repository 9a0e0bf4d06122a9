/** `/v1/deployments`: services that run on every node that fits. */
import type { FastifyReply } from "fastify";
import * as z from "zod";
import { assert } from "../../../core/assert.ts";
import { instantMs } from "../../../core/time.ts";
import { problemOf } from "../../../wire/errors.ts";
import { deploymentSchema } from "../../../wire/fleet/deployments.ts";
import {
  changedDeploymentSchema,
  type DeploymentResource,
  deploymentResourceSchema,
  deploymentStatusSchema,
} from "../../../wire/fleet/resources.ts";
import { nameSchema } from "../../../wire/ids.ts";
import { change } from "../../changes/change.ts";
import {
  deploymentRow,
  planPutDeployment,
  planRemoveDeployment,
} from "../../changes/fleet/deployment-changes.ts";
import type { ServerContext } from "../../context.ts";
import type { App } from "../../http/app.ts";
import { etagOf, preconditionOf } from "../../http/etag.ts";
import { ProblemError, unwrap } from "../../http/problem-error.ts";
import { actorOf } from "../../http/scopes.ts";
import { deploymentResource, deploymentResources } from "../../view/fleet/deployment-resource.ts";
import { explainedInstances } from "../../view/fleet/instance-resource.ts";
import { freshTables } from "../../view/fresh.ts";
import type { ViewTables } from "../../view/view-tables.ts";
import { mustBeSame } from "../must-be-same.ts";
import { putWish } from "./put-wish.ts";
import { unknownPropertiesOf, unknownPropertiesQuery } from "./unknown-properties.ts";

/** The path of one deployment, and what is in it. */
export const deploymentPath = "/v1/deployments/:name";
export const deploymentParams = z.strictObject({ name: nameSchema });
const listSchema = z.object({ revision: z.int(), items: z.array(deploymentResourceSchema) });

/** Adds the routes. */
export function deploymentRoutes(app: App, context: ServerContext): void {
  readRoutes(app, context);
  putRoute(app, context);
  app.delete(
    deploymentPath,
    { schema: { params: deploymentParams, response: { 202: deploymentResourceSchema } } },
    async (request, reply) => {
      const { name } = request.params;
      const precondition = unwrap(preconditionOf(request));
      let before: DeploymentResource | undefined;
      const plan = (tables: ViewTables) => {
        before = deploymentResource(tables, name);
        return planRemoveDeployment(tables, name, precondition);
      };
      const tables = unwrap(await change(context, actorOf(request), plan));
      assert(before !== undefined, "what was removed was there");
      // The manager may have forgotten it before this answer was made.
      return reply
        .code(202)
        .send(deploymentResource(tables, name) ?? { ...before, removing: true });
    },
  );
}

function readRoutes(app: App, context: ServerContext): void {
  app.get("/v1/deployments", { schema: { response: { 200: listSchema } } }, async () => {
    const tables = unwrap(await freshTables(context));
    return { revision: context.view.revision, items: deploymentResources(tables) };
  });
  app.get(
    deploymentPath,
    { schema: { params: deploymentParams, response: { 200: deploymentResourceSchema } } },
    async (request, reply) => found(reply, unwrap(await freshTables(context)), request.params.name),
  );
  app.get(
    `${deploymentPath}/status`,
    { schema: { params: deploymentParams, response: { 200: deploymentStatusSchema } } },
    async (request, reply) => {
      const { name } = request.params;
      const tables = unwrap(await freshTables(context));
      unwrap(deploymentRow(tables, name));
      return {
        revision: context.view.revision,
        deployment: found(reply, tables, name),
        instances: explainedInstances(tables, name, instantMs(context.clock.wallMs())),
      };
    },
  );
}

function putRoute(app: App, context: ServerContext): void {
  app.put(
    deploymentPath,
    {
      schema: {
        params: deploymentParams,
        querystring: unknownPropertiesQuery,
        body: deploymentSchema,
        response: { 200: changedDeploymentSchema, 201: changedDeploymentSchema },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const { name } = request.params;
      mustBeSame(name, body.name);
      const unknownProperties = unknownPropertiesOf(request.query);
      return await putWish(context, request, {
        has: (tables) => tables.deployments.has(name),
        plan: (tables, facts) => planPutDeployment(tables, body, { ...facts, unknownProperties }),
        show: (tables, status) => found(reply.code(status), tables, name),
      });
    },
  );
}

function found(reply: FastifyReply, tables: ViewTables, name: string): DeploymentResource {
  const resource = deploymentResource(tables, name);
  if (resource === undefined) {
    throw new ProblemError(problemOf("not-found", `there is no deployment "${name}"`));
  }
  reply.header("etag", etagOf(resource.revision));
  return resource;
}
