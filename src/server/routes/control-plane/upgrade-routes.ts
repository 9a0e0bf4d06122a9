/** `/v1/upgrade`: the upgrade of the control plane: what speaks against it, beginning it, and orders about it. */
import { randomUUID } from "node:crypto";
import * as z from "zod";
import {
  upgradeAnswerSchema,
  upgradeCheckSchema,
  upgradeOrderRequestSchema,
  upgradeRequestSchema,
} from "../../../wire/control-plane/upgrades.ts";
import { change } from "../../changes/change.ts";
import type { ServerContext } from "../../context.ts";
import type { App } from "../../http/app.ts";
import { unwrap } from "../../http/problem-error.ts";
import { actorOf } from "../../http/scopes.ts";
import { checkUpgrade } from "../../upgrade/check.ts";
import { planUpgrade, planUpgradeOrder, upgradeResource } from "../../upgrade/plan-upgrade.ts";

import { freshTables } from "../../view/fresh.ts";
import type { ViewTables } from "../../view/view-tables.ts";

const path = "/v1/upgrade";
const response = { 200: upgradeAnswerSchema };
const checkQuery = z.strictObject({ to: z.string().max(200).optional() });

/** Adds the routes. */
export function upgradeRoutes(app: App, context: ServerContext): void {
  app.get(path, { schema: { response } }, async () => {
    return { upgrade: upgradeResource(unwrap(await freshTables(context))) };
  });
  app.post(path, { schema: { body: upgradeRequestSchema, response } }, async (request) => {
    const actor = actorOf(request);
    const facts = { id: randomUUID(), by: actor.identity.who, nowMs: context.clock.wallMs() };
    const plan = (tables: ViewTables) => planUpgrade(tables, request.body, facts);
    return { upgrade: upgradeResource(unwrap(await change(context, actor, plan))) };
  });
  app.put(
    `${path}/order`,
    { schema: { body: upgradeOrderRequestSchema, response } },
    async (request) => {
      const actor = actorOf(request);
      const { order } = request.body;
      const plan = (tables: ViewTables) => planUpgradeOrder(tables, order, actor.identity.who);
      return { upgrade: upgradeResource(unwrap(await change(context, actor, plan))) };
    },
  );
  app.get(
    `${path}/check`,
    { schema: { querystring: checkQuery, response: { 200: upgradeCheckSchema } } },
    async (request) => unwrap(await checkUpgrade(context, request.query.to)),
  );
}
