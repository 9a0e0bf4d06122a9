/** Asks of every request who it is from and whether they may, before its body is read where that suffices. */
import { TLSSocket } from "node:tls";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Permission } from "../../core/access/permissions-table.ts";
import { couldPermit, type Need, permits, type Refusal } from "../../core/access/permits.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { type Problem, problemOf } from "../../wire/errors.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "../http/app.ts";
import { grantOf, readAuthorization } from "../http/auth.ts";
import { isExempt, refuseWhileFrozen, whileFrozenOf } from "../http/freeze-gate.ts";
import { ProblemError, refuse } from "../http/problem-error.ts";
import { serverOfProof } from "../peers/peer-proof.ts";
import { identifySocket, isJudgedByDates } from "./certificate.ts";
import { expiryOfIdentity, identifyAgain, identifyToken, keysOfIdentity } from "./identify.ts";
import type { Identity, PersonIdentity, ServerIdentity } from "./identity.ts";
import type { PasswordDesk } from "./password-desk.ts";
import type { Access, PersonAccess, PersonCall } from "./route-access.ts";
import { accessOf } from "./routes-table.ts";
import { createStandings, type Standings } from "./standing.ts";

type GuardContext = Pick<ServerContext, "view" | "store" | "clock" | "log">;

/** Must be called before routes are added: each needs a line in the table, or the app does not start. */
export function guardRoutes(app: App, context: GuardContext, desk: PasswordDesk): void {
  app.addHook("onRoute", (route) => {
    if (route.config?.facade === true) return; // whoever adds it asks by itself
    for (const method of [route.method].flat()) accessOf(method, route.url);
  });
  const standings = createStandings(context);
  app.addHook("onClose", async () => standings.close());
  app.addHook("onRequest", (request, reply, done) => {
    const access = accessOfRequest(request);
    if (access === undefined || access.kind === "open") {
      done();
      return;
    }
    const settle = (identified: Result<Identity, Problem>): void => {
      const admitted = identified.ok
        ? admit(access, identified.value, request, context)
        : identified;
      if (identified.ok) request.identity = identified.value;
      else if (isJudgedByDates(request.raw.socket, context.clock.wallMs())) {
        reply.header("connection", "close");
      }
      if (admitted.ok && request.routeOptions.config.stream === true) {
        lookAfter({ access, request, reply, standings }, context);
      }
      done(admitted.ok ? undefined : new ProblemError(admitted.error));
    };
    if (!context.view.connected && access.whileCutOff === undefined) {
      settle(refuse("unavailable", "this server is cut off from its store"));
      return;
    }
    const identified = identify(request, context, desk);
    if (identified instanceof Promise) identified.then(settle, done);
    else settle(identified);
  });
  app.addHook("onRequest", (request, _reply, done) => gate(request, context, "to-come", done));
  app.addHook("preHandler", (request, _reply, done) => {
    const access = accessOfRequest(request);
    const { identity } = request;
    if (access?.kind !== "person" || access.known !== "with-body" || identity?.kind !== "person") {
      done();
      return;
    }
    const checked = checkNeeds(identity, access.needs(callOf(request, identity, context)));
    done(checked.ok ? undefined : new ProblemError(checked.error));
  });
  app.addHook("preHandler", (request, _reply, done) => {
    if (request.whileFrozen === "body") gate(request, context, "read", done);
    else done();
  });
  app.addHook("onError", (request, _reply, error, done) => {
    if (error instanceof ProblemError && error.problem.status === 403) {
      logRefusal(error.problem, request, context);
    }
    done();
  });
}

/** Lets through what goes on in a frozen cluster, or when it is not frozen. */
function gate(
  request: FastifyRequest,
  context: GuardContext,
  body: "read" | "to-come",
  done: (error?: Error) => void,
): void {
  const access = accessOfRequest(request);
  const { identity } = request;
  if (access === undefined || isExempt(request, access)) {
    done();
    return;
  }
  if (access.kind === "person" && identity?.kind === "person") {
    request.whileFrozen = whileFrozenOf(access, callOf(request, identity, context), body);
    if (request.whileFrozen !== "refused") {
      done();
      return;
    }
  }
  if (context.view.tables.freeze === undefined) {
    done();
    return;
  }
  refuseWhileFrozen(context).then((checked) => {
    done(checked.ok ? undefined : new ProblemError(checked.error));
  }, done);
}

function accessOfRequest(request: FastifyRequest): Access | undefined {
  const { url, config } = request.routeOptions;
  if (config.facade === true) return undefined;
  return request.is404 || url === undefined ? undefined : accessOf(request.method, url);
}

/** What the caller shows counts in this order: the header Authorization, the certificate of the connection. */
function identify(
  request: FastifyRequest,
  context: GuardContext,
  desk: PasswordDesk,
): Result<Identity, Problem> | Promise<Result<Identity, Problem>> {
  const { tables } = context.view;
  const { authorization } = request.headers;
  const { socket } = request.raw;
  if (authorization === undefined) {
    const shown = identifySocket(socket, tables, context.clock.wallMs());
    if (shown !== undefined) return shown;
  }
  // Servers without certificates show what only they can know.
  const server = socket instanceof TLSSocket ? undefined : serverOfProof(authorization, tables);
  if (server !== undefined && tables.servers.has(server)) return ok(serverIdentity(server));
  const brought = readAuthorization(authorization);
  if (!brought.ok) return brought;
  if (brought.value.kind === "token") {
    return identifyToken(brought.value.token, tables, context.clock.wallMs());
  }
  const credentials = { ...brought.value, from: request.ip };
  return desk.verifyOften(credentials, tables).then((verified) => {
    if (!verified.ok) return verified;
    const { value } = verified.value;
    const person = { kind: "person", tokenId: undefined, expiresAtMs: undefined } as const;
    const { name, generation } = value;
    return ok({ ...person, who: name, grants: [grantOf(value)], user: name, generation });
  });
}

interface LongCall {
  readonly access: Access;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly standings: Standings;
}

/** A long answer is ended when the one who asked may not have it any more. */
function lookAfter({ access, request, reply, standings }: LongCall, context: GuardContext): void {
  const { identity } = request;
  const { socket } = request.raw;
  if (identity === undefined) return;
  const look = (): Result<void, Problem> => {
    const { view, clock } = context;
    const facts = { socket, tables: view.tables, nowMs: clock.wallMs() };
    const now = identifyAgain(identity, facts);
    const admitted = now.ok ? admit(access, now.value, request, context) : now;
    if (!admitted.ok) logEnd(admitted.error, request, context);
    return admitted;
  };
  const { standing, end } = standings.begin({
    keys: keysOfIdentity(identity, socket),
    expiresAtMs: expiryOfIdentity(identity, { socket, tables: context.view.tables }),
    look,
    cut: () => reply.raw.destroy(),
  });
  request.standing = standing;
  reply.raw.once("close", end);
}

function serverIdentity(server: string): ServerIdentity {
  return { kind: "server", who: `server/${server}`, server };
}

function admit(
  access: Access,
  identity: Identity,
  request: FastifyRequest,
  context: GuardContext,
): Result<void, Problem> {
  if (access.kind === "person") {
    if (identity.kind !== "person") return err(lacks(identity, access.permissions[0]));
    return admitPerson(access, callOf(request, identity, context));
  }
  if (access.kind === "open" || access.kind === identity.kind) return ok(undefined);
  const wanted = access.kind === "agent" ? "agents of nodes" : "servers of the cluster";
  const problem = problemOf(
    "not-allowed",
    `this is for ${wanted} only, and you are ${wordsOf(identity)}`,
  );
  return err({ ...problem, who: identity.who });
}

/** As much as can be said before the body is read. */
function admitPerson(access: PersonAccess, call: PersonCall): Result<void, Problem> {
  if (access.known === "before-body") return checkNeeds(call.identity, access.needs(call));
  const [permission, ...others] = access.permissions;
  // With several, the body says which one it is that is missing.
  if (others.length > 0 || couldPermit(call.identity.grants, permission)) return ok(undefined);
  return err(lacks(call.identity, permission));
}

function callOf(
  { params, body }: FastifyRequest,
  identity: PersonIdentity,
  context: GuardContext,
): PersonCall {
  return { identity, params, body, tables: context.view.tables };
}

/** Whether the identity may do all of it; else the problem for the one who asks. */
export function checkNeeds(
  identity: Identity | undefined,
  needs: readonly Need[],
): Result<void, Problem> {
  for (const need of needs) {
    if (identity?.kind !== "person") return err(lacks(identity, need.permission));
    const permitted = permits(identity.grants, need);
    if (!permitted.ok) return err(lacks(identity, need.permission, permitted.error.object));
  }
  return ok(undefined);
}

function lacks(
  identity: Identity | undefined,
  permission: Permission,
  object?: Refusal["object"],
): Problem {
  const about = object === undefined ? "" : ` for ${object.kind} "${object.id}"`;
  const you = identity === undefined ? "nobody" : wordsOf(identity);
  const problem = problemOf(
    "not-allowed",
    `this needs the permission "${permission}"${about}, which you (${you}) do not have`,
  );
  return { ...problem, permission, ...(identity === undefined ? {} : { who: identity.who }) };
}

/** Who somebody is, for a sentence. */
function wordsOf(identity: Identity): string {
  switch (identity.kind) {
    case "person":
      return `${identity.who}, ${identity.grants.map(({ role }) => role).join(" and ")}`;
    case "agent":
      return `the agent of node "${identity.node}"`;
    case "server":
      return `server ${identity.server}`;
    default:
      return identity satisfies never;
  }
}

function logEnd({ detail }: Problem, request: FastifyRequest, { log }: GuardContext): void {
  const { method, identity, routeOptions } = request;
  const facts = { who: identity?.who, from: request.ip, method, path: routeOptions.url };
  log.write("info", `ended what was open: ${detail}`, facts);
}

/** What somebody was not allowed to do is in the log: the audit holds what was done. */
function logRefusal(problem: Problem, request: FastifyRequest, context: GuardContext): void {
  const { who, permission, detail } = problem;
  context.log.write("warn", `refused: ${detail}`, {
    who,
    permission,
    from: request.ip,
    method: request.method,
    path: request.routeOptions.url,
  });
}
