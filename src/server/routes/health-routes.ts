/**
 * `/livez`, `/readyz`, `/leader`: what load balancers and supervisors ask. They need no token and tell nothing but
 * yes, or no and one line why.
 */
import * as z from "zod";
import type { Result } from "../../core/result.ts";
import { problemOf } from "../../wire/errors.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "../http/app.ts";
import { ProblemError } from "../http/problem-error.ts";

const yes = { status: "ok" } as const;

/** Adds the routes. */
export function healthRoutes(app: App, context: ServerContext): void {
  const { readiness } = context;
  const options = {
    // Load balancers like to ask with HEAD.
    exposeHeadRoute: true,
    // Not counted among the requests in flight: a busy server is neither dead nor cut off.
    config: { stream: true },
    schema: { response: { 200: z.object({ status: z.literal("ok") }) }, security: [] },
  };
  app.get("/livez", options, () => yes);
  app.get("/readyz", options, async () => {
    answer(await readiness.check());
    return yes;
  });
  app.get("/leader", options, async () => {
    answer(await readiness.check());
    if (context.view.tables.manager === context.serverId) return yes;
    throw new ProblemError(problemOf("unavailable", "the manager is on another server"));
  });
}

function answer(readiness: Result<void, string>): void {
  if (!readiness.ok) throw new ProblemError(problemOf("unavailable", readiness.error));
}
