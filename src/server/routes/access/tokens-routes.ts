/** `/v1/tokens`: what programs, agents and people show instead of a password. A token is shown once, when it is made. */
import * as z from "zod";
import { assert } from "../../../core/assert.ts";
import { createdTokenSchema, tokenRequestSchema, tokenResourceSchema } from "../../../wire/api.ts";
import type { TokenRecord } from "../../../wire/records.ts";
import type { PasswordDesk } from "../../access/password-desk.ts";
import { isAlive, planRevokeToken, planToken, tokenResource } from "../../access/token-changes.ts";
import { change } from "../../changes/change.ts";
import type { ServerContext } from "../../context.ts";
import type { App } from "../../http/app.ts";
import { createToken } from "../../http/auth.ts";
import { unwrap } from "../../http/problem-error.ts";
import { actorOf, personOf } from "../../http/scopes.ts";
import { freshTables } from "../../view/fresh.ts";
import type { ViewTables } from "../../view/view-tables.ts";

const listSchema = z.object({ revision: z.int(), items: z.array(tokenResourceSchema) });
const tokenParams = z.strictObject({ id: z.string().max(64) });

/** Adds the routes. */
export function tokenRoutes(app: App, context: ServerContext, desk: PasswordDesk): void {
  app.get("/v1/tokens", { schema: { response: { 200: listSchema } } }, async () => {
    const tables = unwrap(await freshTables(context));
    const nowMs = context.clock.wallMs();
    const items = [...tables.tokens.values()]
      .filter(({ value }) => value.user === undefined || isAlive(value, tables, nowMs))
      .map((row) => tokenResource(row.value));
    return { revision: context.view.revision, items };
  });
  app.post(
    "/v1/tokens",
    { schema: { body: tokenRequestSchema, response: { 201: createdTokenSchema } } },
    async (request, reply) => {
      const by = personOf(request);
      if (by.user !== undefined) unwrap(desk.countChange(by.user));
      const made = createToken();
      const wish = { request: request.body, made, by, nowMs: context.clock.wallMs() };
      let record: TokenRecord | undefined;
      const plan = (tables: ViewTables) => {
        const planned = planToken(tables, wish);
        record = planned.ok ? planned.value.record : undefined;
        return planned;
      };
      unwrap(await change(context, actorOf(request), plan));
      assert(record !== undefined, "what was planned last was written");
      return reply.code(201).send({ ...tokenResource(record), token: made.token });
    },
  );
  app.delete("/v1/tokens/:id", { schema: { params: tokenParams } }, async (request, reply) => {
    const { id } = request.params;
    unwrap(await change(context, actorOf(request), (tables) => planRevokeToken(tables, id)));
    return reply.code(204).send();
  });
}
