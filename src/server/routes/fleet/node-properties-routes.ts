/** `PATCH /v1/nodes/{id}`: what people say a node is, and what it asks of deployments. */
import * as z from "zod";
import { nodeResourceSchema } from "../../../wire/api.ts";
import { problemOf } from "../../../wire/errors.ts";
import { nodeChangeSchema } from "../../../wire/fleet/resources.ts";
import { nodeIdSchema } from "../../../wire/ids.ts";
import { change } from "../../changes/change.ts";
import { planNodeProperties } from "../../changes/fleet/node-properties.ts";
import type { ServerContext } from "../../context.ts";
import type { App } from "../../http/app.ts";
import { etagOf, preconditionOf } from "../../http/etag.ts";
import { ProblemError, unwrap } from "../../http/problem-error.ts";
import { actorOf } from "../../http/scopes.ts";
import { nodeResource } from "../../view/compose.ts";
import type { ViewTables } from "../../view/view-tables.ts";
import { unknownPropertiesOf, unknownPropertiesQuery } from "./unknown-properties.ts";

const params = z.strictObject({ id: nodeIdSchema });

/** Adds the route. */
export function nodePropertiesRoutes(app: App, context: ServerContext): void {
  app.patch(
    "/v1/nodes/:id",
    {
      schema: {
        params,
        querystring: unknownPropertiesQuery,
        body: nodeChangeSchema,
        response: { 200: nodeResourceSchema },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const options = {
        precondition: unwrap(preconditionOf(request)),
        unknownProperties: unknownPropertiesOf(request.query),
      };
      const plan = (tables: ViewTables) => planNodeProperties(tables, id, request.body, options);
      const tables = unwrap(await change(context, actorOf(request), plan));
      const resource = nodeResource(tables, id);
      if (resource === undefined) {
        throw new ProblemError(problemOf("not-found", `there is no node "${id}"`));
      }
      reply.header("etag", etagOf(resource.revision));
      return resource;
    },
  );
}
