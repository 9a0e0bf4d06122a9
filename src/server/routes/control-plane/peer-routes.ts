/** `/v1/peers/...`: what servers ask each other. */
import { ownStatusSchema, serverReachSchema } from "../../../wire/servers.ts";
import type { ServerContext } from "../../context.ts";
import { ownStatus } from "../../control-plane/server-list.ts";
import type { App } from "../../http/app.ts";

/** Adds the routes. */
export function peerRoutes(app: App, context: ServerContext): void {
  app.get("/v1/peers/status", { schema: { response: { 200: ownStatusSchema } } }, () =>
    ownStatus(context),
  );
  app.get(
    "/v1/peers/reach",
    { schema: { response: { 200: serverReachSchema } } },
    () => context.reach?.answer() ?? { unreached: [] },
  );
}
