/** `/v1/admin/version` and `/v1/admin/status`: whether there is a server, and how much it looks after. */
import * as z from "zod";
import type { ServerContext } from "../../server/context.ts";
import type { App } from "../../server/http/app.ts";
import { facadeRoute } from "../../server/http/facade.ts";
import { unwrap } from "../../server/http/problem-error.ts";
import { freshTables } from "../../server/view/fresh.ts";
import { checkOrganisation } from "./organisation.ts";

/** Adds the route that needs no credentials. */
export function versionRoute(app: App, context: ServerContext): void {
  app.get("/v1/admin/version", { config: facadeRoute }, (_request, reply) =>
    reply.type("text/plain; charset=utf-8").send(`${context.version}\n`),
  );
}

/** Adds the others: of the whole server, and of the organisation, which is the same. */
export function statusRoutes(app: App, context: ServerContext): void {
  const answer = async (): Promise<object> => {
    const { users, nodes } = unwrap(await freshTables(context));
    return {
      // Scripts that wait for an exchange look for these very words.
      msg: "Exchange server operating normally",
      numberOfUsers: users.size,
      numberOfNodes: nodes.size,
      numberOfNodeAgreements: 0,
      numberOfNodeMsgs: 0,
      numberOfAgbots: 0,
      numberOfAgbotAgreements: 0,
      numberOfAgbotMsgs: 0,
      dbSchemaVersion: 1,
    };
  };
  const params = z.object({ org: z.string() });
  app.get("/v1/admin/status", { config: facadeRoute }, answer);
  app.get("/v1/orgs/:org/status", { config: facadeRoute, schema: { params } }, (request) => {
    unwrap(checkOrganisation(request.params.org, context));
    return answer();
  });
}
