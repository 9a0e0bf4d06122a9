/** `/v1/services/:id/logs`: a service's output, brought from the agent of its node. */
import * as z from "zod";
import { logLinesRange } from "../../wire/api.ts";
import { problemOf } from "../../wire/errors.ts";
import { serviceRow } from "../changes/service-changes.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "../http/app.ts";
import { ProblemError, unwrap } from "../http/problem-error.ts";
import { freshTables } from "../view/fresh.ts";
import { serviceParams } from "./services-routes.ts";

const query = z.strictObject({
  lines: z.coerce.number().int().min(logLinesRange.min).max(logLinesRange.max).default(100),
  follow: z
    .enum(["true", "false"])
    .default("false")
    .transform((text) => text === "true"),
});

/** Adds the route. */
export function logRoutes(app: App, context: ServerContext): void {
  app.get(
    "/v1/services/:id/logs",
    { config: { stream: true }, schema: { params: serviceParams, querystring: query } },
    async (request, reply) => {
      const service = request.params.id;
      const tables = unwrap(await freshTables(context));
      unwrap(serviceRow(tables, service));
      const node = tables.statuses.get(service)?.value.node;
      if (node === undefined) {
        throw new ProblemError(problemOf("refused", `service "${service}" has no node yet`));
      }
      const { lines: linesMax, follow } = request.query;
      const output = unwrap(
        await context.relays.logs.ask(node, (requestId) => {
          return { kind: "log-request", requestId, service, linesMax, follow };
        }),
      );
      reply.raw.once("close", () => {
        output.destroy();
      });
      return reply.type("text/plain; charset=utf-8").send(output);
    },
  );
}
