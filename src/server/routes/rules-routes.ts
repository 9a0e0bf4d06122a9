/** `/v1/rules`: where services may run: on which nodes, and with which others. */
import * as z from "zod";
import { ruleResourceSchema } from "../../wire/api.ts";
import { nameSchema } from "../../wire/ids.ts";
import { ruleSchema } from "../../wire/placement.ts";
import { planPutRule, planRemoveRule } from "../changes/rule-changes.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "../http/app.ts";
import { ruleResource, ruleResources } from "../view/placement.ts";
import { namedHandlers } from "./named-handlers.ts";

const params = z.strictObject({ name: nameSchema });
const listSchema = z.object({ revision: z.int(), items: z.array(ruleResourceSchema) });
const answers = { 200: ruleResourceSchema, 201: ruleResourceSchema };

/** Adds the routes. */
export function ruleRoutes(app: App, context: ServerContext): void {
  const rules = namedHandlers(context, {
    word: "rule",
    permission: "rule.change",
    // Which nodes they run on is a matter of the services alone.
    concerns: (tables, name, body) =>
      [...(tables.rules.get(name)?.value.rule.services ?? []), ...(body?.services ?? [])].map(
        (id) => ({ kind: "service", id }),
      ),
    resources: ruleResources,
    resource: ruleResource,
    planPut: planPutRule,
    planRemove: planRemoveRule,
  });
  const one = "/v1/rules/:name";
  app.get("/v1/rules", { schema: { response: { 200: listSchema } } }, () => rules.list());
  const shown = { params, response: { 200: ruleResourceSchema } };
  app.get(one, { schema: shown }, (request, reply) => rules.show(reply, request.params.name));
  const put = { params, body: ruleSchema, response: answers };
  app.put(one, { schema: put }, (request, reply) =>
    rules.put({ request, reply, name: request.params.name }, request.body),
  );
  app.delete(one, { schema: { params } }, async (request, reply) => {
    await rules.remove(request, request.params.name);
    return reply.code(204).send();
  });
}
