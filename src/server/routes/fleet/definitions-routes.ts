/** `/v1/definitions`: versions of services that deployments may run. */
import * as z from "zod";
import { problemOf } from "../../../wire/errors.ts";
import { plainServiceField, versionField } from "../../../wire/fleet/common.ts";
import { definitionSchema } from "../../../wire/fleet/definitions.ts";
import {
  type DefinitionResource,
  definitionResourceSchema,
} from "../../../wire/fleet/resources.ts";
import { change } from "../../changes/change.ts";
import { planAddDefinition, planRemoveDefinition } from "../../changes/fleet/definition-changes.ts";
import type { ServerContext } from "../../context.ts";
import type { App } from "../../http/app.ts";
import { etagOf } from "../../http/etag.ts";
import { ProblemError, unwrap } from "../../http/problem-error.ts";
import { actorOf } from "../../http/scopes.ts";
import {
  definitionId,
  definitionResource,
  definitionResources,
} from "../../view/fleet/definition-resource.ts";
import { freshTables } from "../../view/fresh.ts";
import type { ViewTables } from "../../view/view-tables.ts";
import { unknownPropertiesOf, unknownPropertiesQuery } from "./unknown-properties.ts";

const params = z.strictObject({ service: plainServiceField, version: versionField });
const listSchema = z.object({ revision: z.int(), items: z.array(definitionResourceSchema) });
const one = "/v1/definitions/:service/:version";

/** Adds the routes. */
export function definitionRoutes(app: App, context: ServerContext): void {
  app.get("/v1/definitions", { schema: { response: { 200: listSchema } } }, async () => {
    const tables = unwrap(await freshTables(context));
    return { revision: context.view.revision, items: definitionResources(tables) };
  });
  app.get(
    one,
    { schema: { params, response: { 200: definitionResourceSchema } } },
    async (request, reply) => {
      const { service, version } = request.params;
      const tables = unwrap(await freshTables(context));
      const resource = found(tables, definitionId(service, version));
      reply.header("etag", etagOf(resource.revision));
      return resource;
    },
  );
  app.post(
    "/v1/definitions",
    {
      schema: {
        querystring: unknownPropertiesQuery,
        body: definitionSchema,
        response: { 200: definitionResourceSchema, 201: definitionResourceSchema },
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const { service, version } = request.body;
      const id = definitionId(service, version);
      const options = {
        by: actor.identity.who,
        nowMs: context.clock.wallMs(),
        unknownProperties: unknownPropertiesOf(request.query),
      };
      let existed = false;
      const plan = (tables: ViewTables) => {
        existed = tables.definitions.has(id);
        return planAddDefinition(tables, request.body, options);
      };
      const tables = unwrap(await change(context, actor, plan));
      reply.header("location", `/v1/definitions/${service}/${version}`);
      return reply.code(existed ? 200 : 201).send(found(tables, id));
    },
  );
  app.delete(one, { schema: { params } }, async (request, reply) => {
    const { service, version } = request.params;
    const plan = (tables: ViewTables) => planRemoveDefinition(tables, service, version);
    unwrap(await change(context, actorOf(request), plan));
    return reply.code(204).send();
  });
}

function found(tables: ViewTables, id: string): DefinitionResource {
  const resource = definitionResource(tables, id);
  if (resource !== undefined) return resource;
  throw new ProblemError(problemOf("not-found", `there is no definition "${id}"`));
}
