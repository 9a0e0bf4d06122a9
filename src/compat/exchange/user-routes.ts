/** `/v1/orgs/<organisation>/users/<user>`: one user, for themselves and for admins. */
import * as z from "zod";
import type { ServerContext } from "../../server/context.ts";
import type { App } from "../../server/http/app.ts";
import { facadeRoute } from "../../server/http/facade.ts";
import { ProblemError, unwrap } from "../../server/http/problem-error.ts";
import { freshTables } from "../../server/view/fresh.ts";
import { problemOf } from "../../wire/errors.ts";
import { exchangeTime } from "./answers.ts";
import type { Callers } from "./caller.ts";
import { checkOrganisation } from "./organisation.ts";

const params = z.object({ org: z.string(), user: z.string() });

/** Adds the route. */
export function userRoutes(
  app: App,
  { context, callers }: { readonly context: ServerContext; readonly callers: Callers },
): void {
  const path = "/v1/orgs/:org/users/:user";
  app.get(path, { config: facadeRoute, schema: { params } }, async (request, reply) => {
    const { org, user } = request.params;
    const caller = callers.userOf(request);
    const { users } = unwrap(await freshTables(context));
    const here = checkOrganisation(org, context);
    if (!caller.isAdmin && caller.identity.user !== user) {
      throw new ProblemError(problemOf("not-allowed", `user "${user}" is another user`));
    }
    const row = here.ok ? users.get(user)?.value : undefined;
    if (row === undefined) return reply.code(404).send({ users: {}, lastIndex: 0 });
    const shown = {
      password: "********",
      admin: row.role === "admin",
      hubAdmin: false,
      email: "",
      lastUpdated: exchangeTime(row.passwordSetAtMs),
      updatedBy: "",
    };
    return { users: { [`${org}/${user}`]: shown }, lastIndex: 0 };
  });
}
