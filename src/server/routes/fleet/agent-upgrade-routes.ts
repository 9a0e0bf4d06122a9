/** `/v1/agent/upgrade` and `/v1/agent/packages`: how agents are upgraded to other versions of Holdfast. */
import * as z from "zod";
import { agentPaths } from "../../../wire/agent-protocol.ts";
import { sha256Schema } from "../../../wire/bundles.ts";
import { problemOf } from "../../../wire/errors.ts";
import { agentUpgradeReportRequestSchema } from "../../../wire/fleet/agent-upgrades.ts";
import { reportUpgrade } from "../../agents/upgrade-reports.ts";
import { sendsMax } from "../../bundles/limits.ts";
import { contentOf } from "../../bundles/send.ts";
import type { ServerContext } from "../../context.ts";
import type { App } from "../../http/app.ts";
import { ProblemError, unwrap } from "../../http/problem-error.ts";
import { nodeOf } from "../../http/scopes.ts";
import { freshTables } from "../../view/fresh.ts";
import { createCounter, sendContent } from "../bundles-routes.ts";

const params = z.strictObject({ sha256: sha256Schema });

/** Adds the routes. */
export function agentUpgradeRoutes(app: App, context: ServerContext): void {
  app.post(
    agentPaths.upgrade,
    { schema: { body: agentUpgradeReportRequestSchema } },
    async (request, reply) => {
      unwrap(await reportUpgrade(context, nodeOf(request), request.body));
      return reply.code(204).send();
    },
  );
  const sending = createCounter(sendsMax, "packages are being sent already");
  app.get(
    `${agentPaths.packages}/:sha256`,
    { config: { stream: true }, schema: { params } },
    async (request, reply) => {
      const tables = unwrap(await freshTables(context));
      const bundle = tables.bundles.get(request.params.sha256)?.value;
      // Other bundles are for people.
      if (bundle?.package === undefined) {
        throw new ProblemError(problemOf("not-found", "there is no package with this content"));
      }
      sending.enter(reply);
      return sendContent(reply, bundle, unwrap(await contentOf(context, bundle)));
    },
  );
}
