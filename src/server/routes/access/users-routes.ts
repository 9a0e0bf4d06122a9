/** `/v1/users`: people with a password and a role. */
import * as z from "zod";
import {
  userNameSchema,
  userPasswordRequestSchema,
  userRequestSchema,
  userResourceSchema,
  userRoleRequestSchema,
} from "../../../wire/access.ts";
import type { PasswordDesk } from "../../access/password-desk.ts";
import { mayGive } from "../../access/token-changes.ts";
import {
  planAddUser,
  planPassword,
  planRemoveUser,
  planUserRole,
  userResource,
  userRow,
} from "../../access/user-changes.ts";
import { change } from "../../changes/change.ts";
import type { ServerContext } from "../../context.ts";
import type { App } from "../../http/app.ts";
import { refuse, unwrap } from "../../http/problem-error.ts";
import { actorOf, personOf } from "../../http/scopes.ts";
import { freshTables } from "../../view/fresh.ts";
import type { ViewTables } from "../../view/view-tables.ts";

const params = z.strictObject({ name: userNameSchema });
const listSchema = z.object({ revision: z.int(), items: z.array(userResourceSchema) });
const one = "/v1/users/:name";

/** Adds the routes. */
export function userRoutes(app: App, context: ServerContext, desk: PasswordDesk): void {
  readRoutes(app, context);
  changeRoutes(app, context, desk);
  passwordRoute(app, context, desk);
}

function readRoutes(app: App, context: ServerContext): void {
  app.get("/v1/users", { schema: { response: { 200: listSchema } } }, async () => {
    const tables = unwrap(await freshTables(context));
    const items = [...tables.users.values()]
      .map(userResource)
      .sort((left, right) => (left.name < right.name ? -1 : 1));
    return { revision: context.view.revision, items };
  });
  app.get(one, { schema: { params, response: { 200: userResourceSchema } } }, async (request) =>
    userResource(unwrap(userRow(unwrap(await freshTables(context)), request.params.name))),
  );
}

function changeRoutes(app: App, context: ServerContext, desk: PasswordDesk): void {
  app.post(
    "/v1/users",
    { schema: { body: userRequestSchema, response: { 201: userResourceSchema } } },
    async (request, reply) => {
      const { password: given, ...user } = request.body;
      unwrap(mayGive(personOf(request), user, "user.create"));
      const password = unwrap(await desk.hash(given));
      const nowMs = context.clock.wallMs();
      const plan = (tables: ViewTables) => planAddUser(tables, { ...user, password }, nowMs);
      const tables = unwrap(await change(context, actorOf(request), plan));
      reply.header("location", `/v1/users/${encodeURIComponent(user.name)}`);
      return reply.code(201).send(userResource(unwrap(userRow(tables, user.name))));
    },
  );
  app.put(
    `${one}/role`,
    { schema: { params, body: userRoleRequestSchema, response: { 200: userResourceSchema } } },
    async (request) => {
      const { name } = request.params;
      unwrap(mayGive(personOf(request), request.body, "user.change"));
      const plan = (tables: ViewTables) => planUserRole(tables, name, request.body);
      const tables = unwrap(await change(context, actorOf(request), plan));
      return userResource(unwrap(userRow(tables, name)));
    },
  );
  app.delete(one, { schema: { params } }, async (request, reply) => {
    const { name } = request.params;
    unwrap(await change(context, actorOf(request), (tables) => planRemoveUser(tables, name)));
    return reply.code(204).send();
  });
}

function passwordRoute(app: App, context: ServerContext, desk: PasswordDesk): void {
  app.put(
    `${one}/password`,
    {
      schema: { params, body: userPasswordRequestSchema, response: { 200: userResourceSchema } },
    },
    async (request) => {
      const { name } = request.params;
      const { password: given, currentPassword } = request.body;
      const before = unwrap(userRow(unwrap(await freshTables(context)), name));
      // Whoever finds a machine logged in must not be able to take the account over.
      if (personOf(request).user === name) {
        if (currentPassword === undefined) {
          unwrap(refuse("bad-input", "currentPassword: is needed to change one's own password"));
        } else {
          const credentials = { user: name, password: currentPassword, from: request.ip };
          unwrap(await desk.verify(credentials, context.view.tables));
        }
        unwrap(desk.countChange(name));
      }
      const password = unwrap(await desk.hash(given));
      const nowMs = context.clock.wallMs();
      const plan = (tables: ViewTables) => planPassword(tables, name, password, nowMs);
      const tables = unwrap(await change(context, actorOf(request), plan));
      return userResource(tables.users.get(name) ?? before);
    },
  );
}
