/** `/v1/join-tokens` for admins, and `/v1/join/...` for machines that have nothing but a join token yet. */
import * as z from "zod";
import {
  authorityAnswerSchema,
  createdJoinTokenSchema,
  joinTokenRequestSchema,
  joinTokenResourceSchema,
  nodeJoinAnswerSchema,
  nodeJoinRequestSchema,
  serverJoinAnswerSchema,
  serverJoinRequestSchema,
} from "../../../wire/joining.ts";
import { change } from "../../changes/change.ts";
import type { ServerContext } from "../../context.ts";
import { controlPlaneOf } from "../../control-plane/control-plane-of.ts";
import { joinNode } from "../../control-plane/join-node.ts";
import { joinServer } from "../../control-plane/join-server.ts";
import {
  createJoinToken,
  joinTokenResource,
  planJoinToken,
  planRevokeJoinToken,
} from "../../control-plane/join-tokens.ts";
import { serverUrls } from "../../control-plane/server-urls.ts";
import type { App } from "../../http/app.ts";
import { unwrap } from "../../http/problem-error.ts";
import { actorOf } from "../../http/scopes.ts";
import { freshTables } from "../../view/fresh.ts";

const listSchema = z.object({ items: z.array(joinTokenResourceSchema) });
const tokenParams = z.strictObject({ id: z.string().max(64) });

const onlyOneServer =
  "no server can join yet: the control plane is on the embedded store; first run holdfast server init --ha on its server";

/** Adds the routes for admins. */
export function joinTokenRoutes(app: App, context: ServerContext): void {
  app.get("/v1/join-tokens", { schema: { response: { 200: listSchema } } }, async () => {
    const tables = unwrap(await freshTables(context));
    const nowMs = context.clock.wallMs();
    return {
      items: [...tables.joinTokens.values()].map((row) => joinTokenResource(row.value, nowMs)),
    };
  });
  app.post(
    "/v1/join-tokens",
    { schema: { body: joinTokenRequestSchema, response: { 201: createdJoinTokenSchema } } },
    async (request, reply) => {
      const { authorityHash, engine } = controlPlaneOf(context);
      const nowMs = context.clock.wallMs();
      const { token, record } = createJoinToken(request.body, nowMs);
      const plan = (tables: Parameters<typeof planJoinToken>[0]) =>
        planJoinToken(tables, record, nowMs);
      unwrap(await change(context, actorOf(request), plan));
      const servers = serverUrls(context);
      const resource = joinTokenResource(record, nowMs);
      const isEarly = record.role === "server" && engine === "embedded";
      const warnings = isEarly ? [onlyOneServer] : [];
      return reply.code(201).send({ ...resource, token, authorityHash, servers, warnings });
    },
  );
  app.delete("/v1/join-tokens/:id", { schema: { params: tokenParams } }, async (request, reply) => {
    const { id } = request.params;
    unwrap(await change(context, actorOf(request), (tables) => planRevokeJoinToken(tables, id)));
    return reply.code(204).send();
  });
}

/**
 * Adds the routes that need no identity: the join token in the body is checked instead, and a server's certificate where
 * a node says that it is on that server's machine.
 */
export function joinRoutes(app: App, context: ServerContext): void {
  app.get(
    "/v1/join/authority",
    { schema: { response: { 200: authorityAnswerSchema }, security: [] } },
    () => ({ authorityPem: controlPlaneOf(context).authorityPem }),
  );
  app.post(
    "/v1/join/node",
    {
      schema: {
        body: nodeJoinRequestSchema,
        response: { 200: nodeJoinAnswerSchema },
        security: [],
      },
    },
    async ({ body, ip: from, raw: { socket } }) =>
      unwrap(await joinNode(context, controlPlaneOf(context), body, { from, socket })),
  );
  app.post(
    "/v1/join/server",
    {
      schema: {
        body: serverJoinRequestSchema,
        response: { 200: serverJoinAnswerSchema },
        security: [],
      },
    },
    async (request) =>
      unwrap(await joinServer(context, controlPlaneOf(context), request.body, request.ip)),
  );
}
