/** `/v1/groups`: named lists of nodes that services refer to. */
import * as z from "zod";
import { groupResourceSchema } from "../../wire/api.ts";
import { nameSchema } from "../../wire/ids.ts";
import { groupSchema } from "../../wire/placement.ts";
import { planPutGroup, planRemoveGroup, servicesOf } from "../changes/group-changes.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "../http/app.ts";
import { groupResource, groupResources } from "../view/placement.ts";
import { namedHandlers } from "./named-handlers.ts";

const params = z.strictObject({ name: nameSchema });
const listSchema = z.object({ revision: z.int(), items: z.array(groupResourceSchema) });
const answers = { 200: groupResourceSchema, 201: groupResourceSchema };

/** Adds the routes. */
export function groupRoutes(app: App, context: ServerContext): void {
  const groups = namedHandlers(context, {
    word: "group",
    permission: "group.change",
    concerns: (tables, name, body) => [
      ...[...(tables.groups.get(name)?.value.group.nodes ?? []), ...(body?.nodes ?? [])].map(
        ({ node }) => ({ kind: "node", id: node }) as const,
      ),
      ...servicesOf(tables, name).map((id) => ({ kind: "service", id }) as const),
    ],
    resources: groupResources,
    resource: groupResource,
    planPut: planPutGroup,
    planRemove: planRemoveGroup,
  });
  const one = "/v1/groups/:name";
  app.get("/v1/groups", { schema: { response: { 200: listSchema } } }, () => groups.list());
  const shown = { params, response: { 200: groupResourceSchema } };
  app.get(one, { schema: shown }, (request, reply) => groups.show(reply, request.params.name));
  const put = { params, body: groupSchema, response: answers };
  app.put(one, { schema: put }, (request, reply) =>
    groups.put({ request, reply, name: request.params.name }, request.body),
  );
  app.delete(one, { schema: { params } }, async (request, reply) => {
    await groups.remove(request, request.params.name);
    return reply.code(204).send();
  });
}
