/** The two kinds of callers: people with an admin's token, and agents that speak for one node each. */
import type { FastifyRequest } from "fastify";
import { assert } from "../../core/assert.ts";
import type { NodeId } from "../../core/ids.ts";
import { problemOf } from "../../wire/errors.ts";
import type { Actor } from "../changes/change.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "./app.ts";
import { authenticate } from "./auth.ts";
import { ProblemError, unwrap } from "./problem-error.ts";

/** Refuses every request of this scope that brings no token of the role, before its body is read. */
export function requireRole(app: App, context: ServerContext, role: "admin" | "agent"): void {
  app.addHook("onRequest", (request, _reply, done) => {
    try {
      request.identity = identify(request, context, role);
      done();
    } catch (error: unknown) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  });
}

function identify(
  request: FastifyRequest,
  context: ServerContext,
  role: "admin" | "agent",
): FastifyRequest["identity"] {
  if (!context.view.connected) {
    throw new ProblemError(problemOf("unavailable", "this server is cut off from its store"));
  }
  const { tables } = context.view;
  const identity = unwrap(
    authenticate(request.headers.authorization, tables, context.clock.wallMs()),
  );
  if (identity.role !== role) {
    throw new ProblemError(
      problemOf(
        "not-allowed",
        `this needs a token of role ${role}, yours (${identity.who}) has ${identity.role}`,
      ),
    );
  }
  return identity;
}

/** Who made the request, for the audit. */
export function actorOf(request: FastifyRequest): Actor {
  assert(request.identity !== undefined, "routes below /v1 are reached with an identity only");
  return { identity: request.identity, from: request.ip };
}

/** The node that an agent's token names. */
export function nodeOf(request: FastifyRequest): NodeId {
  const { identity } = actorOf(request);
  assert(identity.role === "agent", "agents' routes are reached with an agent's token only");
  return identity.node;
}
