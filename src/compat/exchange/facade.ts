/**
 * Stands in for the exchange of another system, for its command line: HA groups, nodes, users and status below
 * `/v1/orgs/<organisation>` and `/v1/admin`, on the same objects and by the same changes as Holdfast's own API.
 */
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import type { Log } from "../../ports/log.ts";
import type { App } from "../../server/http/app.ts";
import type { Facade } from "../../server/http/facade.ts";
import { ProblemError } from "../../server/http/problem-error.ts";
import { problemOf } from "../../wire/errors.ts";
import { statusRoutes, versionRoute } from "./admin-routes.ts";
import { sendRefusal } from "./answers.ts";
import { createCallers } from "./caller.ts";
import { haGroupRoutes } from "./ha-group-routes.ts";
import { nodeRoutes } from "./node-routes.ts";
import { userRoutes } from "./user-routes.ts";

/** The facade, for `startServer`. */
export const exchangeFacade: Facade = (app, parts) => {
  const { context } = parts;
  acceptNoBody(app);
  app.setErrorHandler((error: FastifyError, request, reply) => {
    sendError(error, { request, reply, log: context.log });
  });
  versionRoute(app, context);
  const callers = createCallers(parts);
  app.register(async (scope) => {
    const known = scope as App; // `register` hands over the same app, without its types
    known.addHook("onRequest", async (request) => {
      const identified = await callers.identify(request);
      if (!identified.ok) throw new ProblemError(identified.error);
    });
    statusRoutes(known, context);
    userRoutes(known, { context, callers });
    nodeRoutes(known, { ...parts, callers });
    haGroupRoutes(known, { context, callers });
  });
};

/** These clients announce JSON also where they send nothing. */
function acceptNoBody(app: App): void {
  app.addContentTypeParser("application/json", { parseAs: "string" }, (_request, text, done) => {
    const body = String(text);
    if (body.trim() === "") {
      done(null, undefined);
      return;
    }
    try {
      done(null, JSON.parse(body));
    } catch {
      done(new ProblemError(problemOf("bad-input", "the body is not valid JSON")));
    }
  });
}

interface Failed {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly log: Log;
}

function sendError(error: FastifyError | ProblemError, { request, reply, log }: Failed): void {
  if (error instanceof ProblemError) {
    void sendRefusal(reply, error.problem);
    return;
  }
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) {
    const line = error.message.split("\n", 1)[0] ?? "";
    void sendRefusal(reply, problemOf("bad-input", line));
    return;
  }
  log.write("error", `bug while answering: ${error.message}`, {
    method: request.method,
    path: request.routeOptions.url,
    stack: error.stack,
  });
  void sendRefusal(reply, problemOf("internal", "the server has a bug, its log says more"));
}
