/** `/v1/servers`, `/v1/server`, `/v1/load-balancer`, `/v1/isolation`: the control plane, as people see and change it. */

import * as z from "zod";
import { ok } from "../../../core/result.ts";
import {
  isolationAnswerSchema,
  isolationRequestSchema,
  loadBalancerSchema,
  moveStatusSchema,
  ownStatusSchema,
  serverIdSchema,
  serverListSchema,
} from "../../../wire/servers.ts";
import { change } from "../../changes/change.ts";
import type { ServerContext } from "../../context.ts";
import { controlPlaneOf } from "../../control-plane/control-plane-of.ts";
import { nodesOnServers, planIsolation } from "../../control-plane/isolation.ts";
import { planLoadBalancer } from "../../control-plane/load-balancer.ts";
import { removeServer } from "../../control-plane/remove-server.ts";
import { listServers, ownStatus } from "../../control-plane/server-list.ts";
import type { App } from "../../http/app.ts";
import { unwrap } from "../../http/problem-error.ts";
import { actorOf } from "../../http/scopes.ts";
import { alikeOf } from "../../own-config/alike.ts";
import { freshTables } from "../../view/fresh.ts";
import type { ViewTables } from "../../view/view-tables.ts";

const serverParams = z.strictObject({ id: serverIdSchema });

/** Adds the routes. */
export function serverRoutes(app: App, context: ServerContext): void {
  app.get("/v1/server", { schema: { response: { 200: ownStatusSchema } } }, () =>
    ownStatus(context),
  );
  app.get("/v1/servers", { schema: { response: { 200: serverListSchema } } }, async () => {
    const items = await listServers(context);
    return { items, alike: alikeOf(items, context.view.tables) };
  });
  app.get("/v1/load-balancer", { schema: { response: { 200: loadBalancerSchema } } }, () => ({
    loadBalancer: context.view.tables.controlPlane?.value.loadBalancer ?? null,
  }));
  app.put(
    "/v1/load-balancer",
    { schema: { body: loadBalancerSchema, response: { 200: loadBalancerSchema } } },
    async (request) => {
      const { loadBalancer } = request.body;
      const plan = (tables: Parameters<typeof planLoadBalancer>[0]) =>
        planLoadBalancer(tables, loadBalancer ?? undefined);
      unwrap(await change(context, actorOf(request), plan));
      return { loadBalancer };
    },
  );
  app.delete("/v1/servers/:id", { schema: { params: serverParams } }, async (request, reply) => {
    controlPlaneOf(context);
    unwrap(await removeServer(context, request.params.id, actorOf(request)));
    return reply.code(204).send();
  });
  isolationRoutes(app, context);
  moveRoutes(app, context);
}

/** Nodes on servers' machines. */
function isolationRoutes(app: App, context: ServerContext): void {
  const answerOf = (tables: ViewTables) => ({
    isolate: tables.controlPlane?.value.isolate ?? false,
    nodes: [...nodesOnServers(tables)],
  });
  app.get("/v1/isolation", { schema: { response: { 200: isolationAnswerSchema } } }, async () =>
    answerOf(unwrap(await freshTables(context))),
  );
  app.put(
    "/v1/isolation",
    { schema: { body: isolationRequestSchema, response: { 200: isolationAnswerSchema } } },
    async (request) => {
      controlPlaneOf(context);
      const { wish } = request.body;
      const plan = (tables: ViewTables) => planIsolation(tables, wish);
      return answerOf(unwrap(await change(context, actorOf(request), plan)));
    },
  );
}

/** The move from the embedded store to etcd; it goes on under the running server, which begins again at its end. */
function moveRoutes(app: App, context: ServerContext): void {
  const options = { schema: { response: { 200: moveStatusSchema } } };
  app.get("/v1/move-to-etcd", options, () => controlPlaneOf(context).move.status());
  app.post("/v1/move-to-etcd", options, async (request) => {
    const { move } = controlPlaneOf(context);
    if (move.status().state === "not-begun" || move.status().state === "failed") {
      const note = { compare: [], operations: [], action: "server.move", subject: "control-plane" };
      unwrap(await change(context, actorOf(request), () => ok({ ...note, detail: "to etcd" })));
    }
    return move.begin();
  });
}
