/** `/v1/nodes`: the machines that run services. */
import type { FastifyRequest } from "fastify";
import * as z from "zod";
import type { NodeId } from "../../core/ids.ts";
import { stayingOn } from "../../core/manager/moves/staying.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { instantMs } from "../../core/time.ts";
import {
  maintenanceRequestSchema,
  type NodeResource,
  nodeModeAnswerSchema,
  nodeModeRequestSchema,
  nodeResourceSchema,
} from "../../wire/api.ts";
import { faultsOf, lineOfFaults, type Problem, problemOf } from "../../wire/errors.ts";
import { nameSchema, nodeIdSchema } from "../../wire/ids.ts";
import { change } from "../changes/change.ts";
import {
  planConfirmOff,
  planMaintenance,
  planNodeMode,
  planRemoveNode,
} from "../changes/node-changes.ts";
import { planTaint } from "../changes/taint-changes.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "../http/app.ts";
import { etagOf } from "../http/etag.ts";
import { ProblemError, unwrap } from "../http/problem-error.ts";
import { actorOf } from "../http/scopes.ts";
import { nodeResource, nodeResources } from "../view/compose.ts";
import { freshTables } from "../view/fresh.ts";
import { managerStateOf } from "../view/manager-state.ts";
import type { ViewTables } from "../view/view-tables.ts";

const nodeParams = z.strictObject({ id: nodeIdSchema });
const taintParams = z.strictObject({ id: nodeIdSchema, taint: nameSchema });
type TaintRequest = FastifyRequest & { readonly params: z.output<typeof taintParams> };
const noFields = z.strictObject({}).nullish();
const nodeListSchema = z.object({ revision: z.int(), items: z.array(nodeResourceSchema) });

/** Adds the routes. */
export function nodeRoutes(app: App, context: ServerContext): void {
  app.get("/v1/nodes", { schema: { response: { 200: nodeListSchema } } }, async () => {
    const tables = unwrap(await freshTables(context));
    return { revision: context.view.revision, items: nodeResources(tables) };
  });
  app.get(
    "/v1/nodes/:id",
    { schema: { params: nodeParams, response: { 200: nodeResourceSchema } } },
    async (request, reply) => {
      const node = foundNode(unwrap(await freshTables(context)), request.params.id);
      reply.header("etag", etagOf(node.revision));
      return node;
    },
  );
  app.post(
    "/v1/nodes/:id/confirm-off",
    { schema: { params: nodeParams, response: { 200: nodeResourceSchema } } },
    async (request) => {
      unwrap(checkNoFields(request.body));
      const { id } = request.params;
      const plan = (tables: ViewTables) => planConfirmOff(tables, id);
      return foundNode(unwrap(await change(context, actorOf(request), plan)), id);
    },
  );
  app.put(
    "/v1/nodes/:id/maintenance",
    {
      schema: {
        params: nodeParams,
        body: maintenanceRequestSchema,
        response: { 200: nodeResourceSchema },
      },
    },
    async (request) => {
      const { id } = request.params;
      const wish = request.body.on ? "on" : "off";
      const plan = (tables: ViewTables) => planMaintenance(tables, id, wish);
      return foundNode(unwrap(await change(context, actorOf(request), plan)), id);
    },
  );
  app.put(
    "/v1/nodes/:id/mode",
    {
      schema: {
        params: nodeParams,
        body: nodeModeRequestSchema,
        response: { 200: nodeModeAnswerSchema },
      },
    },
    async (request) => {
      const { id } = request.params;
      const plan = (tables: ViewTables) => planNodeMode(tables, id, request.body.order);
      const tables = unwrap(await change(context, actorOf(request), plan));
      const now = instantMs(context.clock.wallMs());
      const isFlushed = tables.nodes.get(id)?.value.mode === "flushed";
      const staying = isFlushed ? [...stayingOn(managerStateOf(tables, now), id)] : [];
      return { ...foundNode(tables, id), staying };
    },
  );
  taintRoutes(app, context);
  app.delete("/v1/nodes/:id", { schema: { params: nodeParams } }, async (request, reply) => {
    const { id } = request.params;
    const plan = (tables: ViewTables) => planRemoveNode(tables, id, context.clock.wallMs());
    unwrap(await change(context, actorOf(request), plan));
    return reply.code(204).send();
  });
}

function taintRoutes(app: App, context: ServerContext): void {
  const schema = { params: taintParams, response: { 200: nodeResourceSchema } };
  const answer = async (request: TaintRequest, wish: "on" | "off"): Promise<NodeResource> => {
    const { id, taint } = request.params;
    const plan = (tables: ViewTables) => planTaint(tables, id, { taint, wish });
    return foundNode(unwrap(await change(context, actorOf(request), plan)), id);
  };
  app.put("/v1/nodes/:id/taints/:taint", { schema }, async (request) => answer(request, "on"));
  app.delete("/v1/nodes/:id/taints/:taint", { schema }, async (request) => answer(request, "off"));
}

/** The request itself is all that there is to say: no body, or one without fields. */
function checkNoFields(body: unknown): Result<void, Problem> {
  const parsed = noFields.safeParse(body);
  if (parsed.success) return ok(undefined);
  return err(problemOf("bad-input", lineOfFaults(parsed.error), faultsOf(parsed.error)));
}

function foundNode(tables: ViewTables, node: NodeId): NodeResource {
  const resource = nodeResource(tables, node);
  if (resource !== undefined) return resource;
  throw new ProblemError(problemOf("not-found", `there is no node "${node}"`));
}
