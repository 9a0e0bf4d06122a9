/** `/v1/deployments/{name}/rollouts` and `/rollout/{order}`: how a change goes over the nodes, and orders about it. */
import * as z from "zod";
import { rolloutOrders } from "../../../core/fleet/model/rollout.ts";
import { rolloutOrderAnswerSchema, rolloutResourceSchema } from "../../../wire/fleet/resources.ts";
import { deploymentRow } from "../../changes/fleet/deployment-changes.ts";
import { orderRollout } from "../../changes/fleet/rollout-orders.ts";
import type { ServerContext } from "../../context.ts";
import type { App } from "../../http/app.ts";
import { unwrap } from "../../http/problem-error.ts";
import { actorOf } from "../../http/scopes.ts";
import { rolloutResources } from "../../view/fleet/deployment-resource.ts";
import { freshTables } from "../../view/fresh.ts";
import { deploymentParams, deploymentPath } from "./deployments-routes.ts";

const orderParams = deploymentParams.extend({ order: z.enum(rolloutOrders) });
const listSchema = z.object({ revision: z.int(), items: z.array(rolloutResourceSchema) });

/** Adds the routes. */
export function rolloutRoutes(app: App, context: ServerContext): void {
  app.get(
    `${deploymentPath}/rollouts`,
    { schema: { params: deploymentParams, response: { 200: listSchema } } },
    async (request) => {
      const { name } = request.params;
      const tables = unwrap(await freshTables(context));
      unwrap(deploymentRow(tables, name));
      return { revision: context.view.revision, items: rolloutResources(tables, name) };
    },
  );
  app.post(
    `${deploymentPath}/rollout/:order`,
    {
      schema: {
        params: orderParams,
        response: { 200: rolloutOrderAnswerSchema, 202: rolloutOrderAnswerSchema },
      },
    },
    async (request, reply) => {
      const { name: deployment, order } = request.params;
      const answer = unwrap(await orderRollout(context, actorOf(request), { deployment, order }));
      return reply.code(answer.outcome === "pending" ? 202 : 200).send(answer);
    },
  );
}
