/** `/v1/server-configs`: what each server has of its own. */
import * as z from "zod";
import {
  serverConfigListSchema,
  serverConfigResourceSchema,
  serverSettingsChangeSchema,
} from "../../../wire/control-plane/server-config.ts";
import type { ServerContext } from "../../context.ts";
import type { App } from "../../http/app.ts";
import { unwrap } from "../../http/problem-error.ts";
import { actorOf } from "../../http/scopes.ts";
import { changeServerConfig, serverConfigs } from "../../own-config/change-config.ts";
import { freshTables } from "../../view/fresh.ts";

const params = z.strictObject({ id: z.string().max(100) });

/** Adds the routes. */
export function configRoutes(app: App, context: ServerContext): void {
  app.get(
    "/v1/server-configs",
    { schema: { response: { 200: serverConfigListSchema } } },
    async () => ({ items: serverConfigs(unwrap(await freshTables(context))) }),
  );
  app.patch(
    "/v1/server-configs/:id",
    {
      schema: {
        params,
        body: serverSettingsChangeSchema,
        response: { 200: serverConfigResourceSchema },
      },
    },
    async (request) => {
      const { id } = request.params;
      return unwrap(await changeServerConfig(context, id, request.body, actorOf(request)));
    },
  );
}
