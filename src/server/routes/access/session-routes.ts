/** `/v1/login`, `/v1/logout`, `/v1/whoami`, `/v1/roles`: who one is, and what that allows. */
import type { FastifyRequest } from "fastify";
import {
  type Permission,
  permissionLine,
  roleNames,
} from "../../../core/access/permissions-table.ts";
import {
  couldPermit,
  permissionNames,
  permissionsOf,
  permits,
} from "../../../core/access/permits.ts";
import { assert } from "../../../core/assert.ts";
import { ok, type Result } from "../../../core/result.ts";
import {
  loginAnswerSchema,
  loginRequestSchema,
  loginTtlMs,
  roleListSchema,
  type Whoami,
  whoamiSchema,
} from "../../../wire/access.ts";
import type { Problem } from "../../../wire/errors.ts";
import type { PersonIdentity } from "../../access/identity.ts";
import { planLogin } from "../../access/login.ts";
import type { Credentials, PasswordDesk } from "../../access/password-desk.ts";
import { isWeak } from "../../access/password-hash.ts";
import { planRevokeToken } from "../../access/token-changes.ts";
import { change } from "../../changes/change.ts";
import type { ServerContext } from "../../context.ts";
import type { App } from "../../http/app.ts";
import { createToken, readAuthorization } from "../../http/auth.ts";
import { refuse, unwrap } from "../../http/problem-error.ts";
import { actorOf, personOf } from "../../http/scopes.ts";
import { freshTables } from "../../view/fresh.ts";
import type { ViewTables } from "../../view/view-tables.ts";

/** Adds the routes. */
export function sessionRoutes(app: App, context: ServerContext, desk: PasswordDesk): void {
  loginRoute(app, context, desk);
  app.post("/v1/logout", async (request, reply) => {
    const { user, tokenId } = personOf(request);
    if (user === undefined || tokenId === undefined) {
      return unwrap(refuse("bad-input", "there is no login to end: you did not come with one"));
    }
    unwrap(desk.countChange(user));
    const plan = (tables: ViewTables) => {
      const planned = planRevokeToken(tables, tokenId);
      return planned.ok ? ok({ ...planned.value, action: "user.logout", subject: user }) : planned;
    };
    unwrap(await change(context, actorOf(request), plan));
    return reply.code(204).send();
  });
  app.get("/v1/whoami", { schema: { response: { 200: whoamiSchema } } }, (request) =>
    whoami(personOf(request)),
  );
  app.get("/v1/roles", { schema: { response: { 200: roleListSchema } } }, () => ({
    items: roleNames.map((name) => {
      const { always, owned } = permissionsOf(name);
      return { name, permissions: [...always], ownedPermissions: [...owned] };
    }),
    permissions: permissionNames.map((name) => ({ name, words: permissionLine(name).words })),
  }));
}

function loginRoute(app: App, context: ServerContext, desk: PasswordDesk): void {
  app.post(
    "/v1/login",
    {
      schema: {
        body: loginRequestSchema.nullish(),
        response: { 201: loginAnswerSchema },
        security: [{ password: [] }, {}],
      },
    },
    async (request, reply) => {
      const credentials = unwrap(credentialsOf(request, request.body));
      const { user, password } = credentials;
      const row = unwrap(await desk.verify(credentials, unwrap(await freshTables(context))));
      unwrap(desk.countChange(user));
      // Only now the password is at hand: what was hashed with less than today's cost is hashed anew.
      const isOld = isWeak(row.value.password);
      const rehashed = isOld ? unwrap(await desk.hash(password)) : undefined;
      const nowMs = context.clock.wallMs();
      const made = createToken();
      const login = { user: row.value, made, nowMs, rehashed };
      // One must be able to log in to end a freeze.
      const actor = { identity: { who: user }, from: request.ip, whileFrozen: "goes-on" } as const;
      unwrap(await change(context, actor, (tables) => planLogin(tables, login)));
      const expiresAtMs = nowMs + loginTtlMs;
      return reply.code(201).send({ token: made.token, id: made.id, user, expiresAtMs });
    },
  );
}

/** The body's user and password, or the header's. */
function credentialsOf(
  request: FastifyRequest,
  body: { readonly user: string; readonly password: string } | null | undefined,
): Result<Credentials, Problem> {
  if (body !== null && body !== undefined) return ok({ ...body, from: request.ip });
  const brought = readAuthorization(request.headers.authorization);
  if (brought.ok && brought.value.kind === "password") {
    const { user, password } = brought.value;
    return ok({ user, password, from: request.ip });
  }
  return refuse("bad-input", "give user and password in the body, or as Authorization: Basic");
}

function whoami(identity: PersonIdentity): Whoami {
  const { who, user, tokenId, expiresAtMs, grants } = identity;
  const [grant] = grants;
  assert(grant !== undefined, "a person has a role");
  const always = permissionNames.filter((name) => permits(grants, wholeCluster(name)).ok);
  const owned = permissionNames.filter(
    (name) => couldPermit(grants, name) && !always.includes(name),
  );
  return {
    who,
    ...(user === undefined ? {} : { user }),
    ...(tokenId === undefined ? {} : { tokenId }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    role: grant.role,
    ownsNodes: [...grant.ownsNodes],
    ownsServices: [...grant.ownsServices],
    permissions: always,
    ownedPermissions: owned,
  };
}

function wholeCluster(permission: Permission): Parameters<typeof permits>[1] {
  return { permission, objects: [] };
}
