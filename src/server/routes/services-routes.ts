/** `/v1/services`: what is kept running, and orders about it. */
import type { FastifyReply } from "fastify";
import * as z from "zod";
import { assert } from "../../core/assert.ts";
import { explainService } from "../../core/explain/why.ts";
import type { ServiceId } from "../../core/ids.ts";
import { whyInputOf } from "../../core/manager/why-input.ts";
import { instantMs } from "../../core/time.ts";
import {
  type ChangedService,
  changedServiceSchema,
  commandRequestSchema,
  type ServiceResource,
  serviceResourceSchema,
  type Why,
  whySchema,
} from "../../wire/api.ts";
import { problemOf } from "../../wire/errors.ts";
import { serviceIdSchema } from "../../wire/ids.ts";
import { serviceChangeSchema, serviceConfigSchema } from "../../wire/service-config.ts";
import { change } from "../changes/change.ts";
import { planAdd, planPatch, planPut, planRemove, serviceRow } from "../changes/service-changes.ts";
import { newCommandId, planCommand } from "../changes/service-commands.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "../http/app.ts";
import { etagOf, preconditionOf } from "../http/etag.ts";
import { ProblemError, unwrap } from "../http/problem-error.ts";
import { actorOf } from "../http/scopes.ts";
import { serviceResource, serviceResources } from "../view/compose.ts";
import { withFleetReasons } from "../view/fleet/why-instance.ts";
import { freshTables } from "../view/fresh.ts";
import { managerStateOf } from "../view/manager-state.ts";
import type { ViewTables } from "../view/view-tables.ts";

export const serviceParams = z.strictObject({ id: serviceIdSchema });
const listSchema = z.object({ revision: z.int(), items: z.array(serviceResourceSchema) });
const historyLength = 20;

/** Adds the routes. */
export function serviceRoutes(app: App, context: ServerContext): void {
  readRoutes(app, context);
  writeRoutes(app, context);
  commandRoute(app, context);
}

function readRoutes(app: App, context: ServerContext): void {
  app.get("/v1/services", { schema: { response: { 200: listSchema } } }, async () => {
    const tables = unwrap(await freshTables(context));
    return { revision: context.view.revision, items: serviceResources(tables) };
  });
  app.get(
    "/v1/services/:id",
    { schema: { params: serviceParams, response: { 200: serviceResourceSchema } } },
    async (request, reply) => {
      return found(reply, unwrap(await freshTables(context)), request.params.id);
    },
  );
  app.get(
    "/v1/services/:id/why",
    { schema: { params: serviceParams, response: { 200: whySchema } } },
    async (request) => {
      const tables = unwrap(await freshTables(context));
      unwrap(serviceRow(tables, request.params.id));
      return whyOf(context, tables, request.params.id);
    },
  );
}

function writeRoutes(app: App, context: ServerContext): void {
  const answers = { 200: changedServiceSchema, 201: changedServiceSchema };
  app.post(
    "/v1/services",
    { schema: { body: serviceConfigSchema, response: { 201: changedServiceSchema } } },
    async (request, reply) => {
      const nowMs = context.clock.wallMs();
      const plan = remembered((tables) => planAdd(tables, request.body, nowMs));
      const tables = unwrap(await change(context, actorOf(request), plan.make));
      reply.header("location", `/v1/services/${request.body.id}`);
      return withWarnings(found(reply.code(201), tables, request.body.id), plan.warnings());
    },
  );
  app.put(
    "/v1/services/:id",
    { schema: { params: serviceParams, body: serviceConfigSchema, response: answers } },
    async (request, reply) => {
      const { id } = request.params;
      mustBeSame(id, request.body.id);
      const precondition = unwrap(preconditionOf(request));
      const nowMs = context.clock.wallMs();
      let existed = false;
      const plan = remembered((tables) => {
        existed = tables.services.has(id);
        return planPut(tables, request.body, { precondition, nowMs });
      });
      const tables = unwrap(await change(context, actorOf(request), plan.make));
      return withWarnings(found(reply.code(existed ? 200 : 201), tables, id), plan.warnings());
    },
  );
  app.patch(
    "/v1/services/:id",
    {
      schema: {
        params: serviceParams,
        body: serviceChangeSchema,
        response: { 200: changedServiceSchema },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const precondition = unwrap(preconditionOf(request));
      const patch = { change: request.body, precondition };
      const plan = remembered((tables) => planPatch(tables, id, patch));
      const tables = unwrap(await change(context, actorOf(request), plan.make));
      return withWarnings(found(reply, tables, id), plan.warnings());
    },
  );
  app.delete(
    "/v1/services/:id",
    { schema: { params: serviceParams, response: { 202: serviceResourceSchema } } },
    async (request, reply) => {
      const { id } = request.params;
      const precondition = unwrap(preconditionOf(request));
      let before: ServiceResource | undefined;
      const plan = (tables: ViewTables) => {
        before = serviceResource(tables, id);
        return planRemove(tables, id, precondition);
      };
      const tables = unwrap(await change(context, actorOf(request), plan));
      assert(before !== undefined, "what was removed was there");
      // The manager may have forgotten it before this answer was made.
      return reply.code(202).send(serviceResource(tables, id) ?? { ...before, removing: true });
    },
  );
}

type MakePlan = Parameters<typeof change>[2];

/** A plan whose last making tells its warnings afterwards. */
function remembered(make: MakePlan): { make: MakePlan; warnings(): readonly string[] } {
  let warnings: readonly string[] = [];
  return {
    make(tables) {
      const planned = make(tables);
      warnings = planned.ok ? (planned.value.warnings ?? []) : [];
      return planned;
    },
    warnings: () => warnings,
  };
}

function withWarnings(resource: ServiceResource, warnings: readonly string[]): ChangedService {
  return warnings.length === 0 ? resource : { ...resource, warnings: [...warnings] };
}

function commandRoute(app: App, context: ServerContext): void {
  const answer = z.object({ id: z.string(), service: z.string() });
  app.post(
    "/v1/services/:id/commands",
    {
      schema: { params: serviceParams, body: commandRequestSchema, response: { 202: answer } },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const service = request.params.id;
      const order = { wish: request.body, id: newCommandId(), by: actor.identity.who };
      const plan = (tables: ViewTables) => planCommand(tables, service, order);
      unwrap(await change(context, actor, plan));
      return reply.code(202).send({ id: order.id, service });
    },
  );
}

function mustBeSame(inPath: ServiceId, inBody: ServiceId): void {
  if (inPath === inBody) return;
  const message = `the path says "${inPath}", the body says "${inBody}"`;
  throw new ProblemError(problemOf("bad-input", message, [{ path: "id", message }]));
}

function found(reply: FastifyReply, tables: ViewTables, id: ServiceId): ServiceResource {
  const resource = serviceResource(tables, id);
  if (resource === undefined) {
    throw new ProblemError(problemOf("not-found", `there is no service "${id}"`));
  }
  reply.header("etag", etagOf(resource.revision));
  return resource;
}

function whyOf(context: ServerContext, tables: ViewTables, service: ServiceId): Why {
  const status = tables.statuses.get(service)?.value;
  const now = instantMs(context.clock.wallMs());
  const state = managerStateOf(tables, now);
  const explanation = explainService(whyInputOf(state, service));
  const events = context.view.events.filter((event) => event.subject === service);
  const why: Why = {
    service,
    state: status?.state ?? "queued",
    summary: explanation.summary,
    rules: [...explanation.rules],
    nodes: [...explanation.nodes],
    next: [...explanation.next],
    history: events.slice(-historyLength).reverse(),
  };
  return withFleetReasons(tables, service, why, now);
}
