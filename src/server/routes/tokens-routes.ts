/** `/v1/tokens`: who may do what. A token is shown once, when it is made. */
import * as z from "zod";
import { parseNodeId } from "../../core/ids.ts";
import { ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import {
  createdTokenSchema,
  type TokenResource,
  tokenRequestSchema,
  tokenResourceSchema,
} from "../../wire/api.ts";
import { type Problem, problemOf } from "../../wire/errors.ts";
import { keys, type TokenRecord } from "../../wire/records.ts";
import { type ChangePlan, change } from "../changes/change.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "../http/app.ts";
import { createToken, type NewToken } from "../http/auth.ts";
import { ProblemError, refuse, unwrap } from "../http/problem-error.ts";
import { actorOf } from "../http/scopes.ts";
import { tokensMax } from "../limits.ts";
import { freshTables } from "../view/fresh.ts";
import type { ViewTables } from "../view/view-tables.ts";

const listSchema = z.object({ revision: z.int(), items: z.array(tokenResourceSchema) });
const tokenParams = z.strictObject({ id: z.string().max(64) });
type TokenRequest = z.output<typeof tokenRequestSchema>;

/** Adds the routes. */
export function tokenRoutes(app: App, context: ServerContext): void {
  app.get("/v1/tokens", { schema: { response: { 200: listSchema } } }, async () => {
    const tables = unwrap(await freshTables(context));
    const items = [...tables.tokens.values()].map((row) => resourceOf(row.value));
    return { revision: context.view.revision, items };
  });
  app.post(
    "/v1/tokens",
    { schema: { body: tokenRequestSchema, response: { 201: createdTokenSchema } } },
    async (request, reply) => {
      const made = createToken();
      const record = recordOf(request.body, made, context.clock.wallMs());
      unwrap(await change(context, actorOf(request), (tables) => planCreate(tables, record)));
      return reply.code(201).send({ ...resourceOf(record), token: made.token });
    },
  );
  app.delete("/v1/tokens/:id", { schema: { params: tokenParams } }, async (request, reply) => {
    const { id } = request.params;
    unwrap(await change(context, actorOf(request), (tables) => planDelete(tables, id)));
    return reply.code(204).send();
  });
}

function recordOf(request: TokenRequest, made: NewToken, nowMs: number): TokenRecord {
  const node = request.node === undefined ? undefined : parseNodeId(request.node);
  if (node?.ok === false) {
    throw new ProblemError(
      problemOf("bad-input", `node: ${node.error}`, [{ path: "node", message: node.error }]),
    );
  }
  return {
    version: 1,
    id: made.id,
    sha256: made.sha256,
    role: request.role,
    ...(node === undefined ? {} : { node: node.value }),
    name: request.name,
    createdAtMs: nowMs,
    ...(request.ttlMs === undefined ? {} : { expiresAtMs: nowMs + request.ttlMs }),
  };
}

function resourceOf(record: TokenRecord): TokenResource {
  const { version: _version, sha256: _sha256, ...resource } = record;
  return resource;
}

function planCreate(tables: ViewTables, record: TokenRecord): Result<ChangePlan, Problem> {
  if (tables.tokens.size >= tokensMax) {
    return refuse("too-many", `there are ${tokensMax} tokens already`);
  }
  const key = `${keys.tokens}${record.id}`;
  const about = record.node === undefined ? "" : ` for node ${record.node}`;
  return ok({
    compare: [{ kind: "absent", key }],
    operations: [{ kind: "put", key, value: jsonOf(record) }],
    action: "token.create",
    subject: record.id,
    detail: `${record.role} "${record.name}"${about}`,
  });
}

/** With one of these left, nobody is ever locked out: all others may be gone, or have expired. */
function isLastingAdmin(record: TokenRecord): boolean {
  return record.role === "admin" && record.expiresAtMs === undefined;
}

function planDelete(tables: ViewTables, id: string): Result<ChangePlan, Problem> {
  const row = tables.tokens.get(id);
  if (row === undefined) return refuse("not-found", `there is no token "${id}"`);
  const other = [...tables.tokens.values()].find(
    ({ value }) => value.id !== id && isLastingAdmin(value),
  );
  if (isLastingAdmin(row.value) && other === undefined) {
    return refuse(
      "refused",
      "this is the last admin's token that does not expire; make another one first",
    );
  }
  const key = `${keys.tokens}${id}`;
  return ok({
    // Of two last tokens only one can go: the other one must still be there.
    compare: [
      { kind: "modified-at", key, revision: row.revision },
      ...(other === undefined
        ? []
        : [{ kind: "present" as const, key: `${keys.tokens}${other.value.id}` }]),
    ],
    operations: [{ kind: "delete", key }],
    action: "token.delete",
    subject: id,
    detail: row.value.name,
  });
}
