/** The plans of people's changes to tokens, those that logins make included. */

import type { Permission } from "../../core/access/permissions-table.ts";
import { covers, type Grant } from "../../core/access/permits.ts";
import { assert } from "../../core/assert.ts";
import { parseNodeId } from "../../core/ids.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Operation } from "../../ports/store.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { UserRecord } from "../../wire/access.ts";
import type { TokenResource, tokenRequestSchema } from "../../wire/api.ts";
import { type Problem, problemOf } from "../../wire/errors.ts";
import { keys, type TokenRecord } from "../../wire/records.ts";
import type { ChangePlan } from "../changes/change.ts";
import { grantOf, holderOf, type NewToken } from "../http/auth.ts";
import { refuse } from "../http/problem-error.ts";
import { ownTokensMax, tokensMax } from "../limits.ts";
import type { ViewTables } from "../view/view-tables.ts";
import type { PersonIdentity } from "./identity.ts";
import { anotherAdmin, isLastingToken } from "./last-admin.ts";

type TokenRequest = ReturnType<typeof tokenRequestSchema.parse>;
type Tables = Pick<ViewTables, "tokens" | "users">;

/** Tokens that are over and go with one change. */
const sweptMax = 50;

/** A token as it is listed. */
export function tokenResource(record: TokenRecord): TokenResource {
  const { version: _version, sha256: _sha256, user, ...resource } = record;
  return user === undefined ? resource : { ...resource, user: user.name };
}

/** Whether the token still counts, or is only not swept away yet. */
export function isAlive(record: TokenRecord, tables: Tables, nowMs: number): boolean {
  if (record.expiresAtMs !== undefined && record.expiresAtMs <= nowMs) return false;
  return record.user === undefined || holderOf(record, tables) !== undefined;
}

/** What somebody asks for, and who they are. */
export interface TokenWish {
  readonly request: TokenRequest;
  readonly made: NewToken;
  readonly by: PersonIdentity;
  readonly nowMs: number;
}

/** Makes the token that was asked for; nobody can give more than they have. */
export function planToken(
  tables: Tables,
  wish: TokenWish,
): Result<ChangePlan & { readonly record: TokenRecord }, Problem> {
  const { request, made, by, nowMs } = wish;
  const { role, ownsNodes, ownsServices, name, ttlMs } = request;
  const node = request.node === undefined ? undefined : parseNodeId(request.node);
  if (node?.ok === false) {
    const faults = [{ path: "node", message: node.error }];
    return err(problemOf("bad-input", `node: ${node.error}`, faults));
  }
  const user = by.user === undefined ? undefined : tables.users.get(by.user)?.value;
  if (request.own && user === undefined) {
    return refuse("bad-input", "own: only users have tokens of their own, and you are none");
  }
  if (role !== "agent") {
    const ofUser = role === "user" && user !== undefined ? grantOf(user) : undefined;
    const grant = role === "user" ? ofUser : { role, ownsNodes, ownsServices };
    assert(grant !== undefined, "a token of role user belongs to a user: its schema sees to it");
    const may = mayGive(by, grant, "token.create");
    if (!may.ok) return may;
  }
  const record: TokenRecord = {
    version: 2,
    id: made.id,
    sha256: made.sha256,
    role,
    ownsNodes,
    ownsServices,
    ...(node === undefined ? {} : { node: node.value }),
    ...(request.own && user !== undefined ? { user: ownerOf(user) } : {}),
    name,
    createdAtMs: nowMs,
    ...(ttlMs === undefined ? {} : { expiresAtMs: nowMs + ttlMs }),
  };
  const planned = planPutToken(tables, record, nowMs);
  return planned.ok ? ok({ ...planned.value, record }) : planned;
}

/** Whether all that somebody has is enough to give this. */
export function mayGive(
  by: PersonIdentity,
  grant: Grant,
  permission: Permission,
): Result<void, Problem> {
  if (by.grants.length > 0 && by.grants.every((held) => covers(held, grant))) return ok(undefined);
  const roles = by.grants.map(({ role }) => role).join(" and ");
  const problem = problemOf(
    "not-allowed",
    `nobody gives more than they have: you (${by.who}, ${roles}) cannot give the role ${grant.role}`,
  );
  return err({ ...problem, permission, who: by.who });
}

/** What binds a token to its user. */
export function ownerOf(user: UserRecord): { readonly name: string; readonly generation: string } {
  return { name: user.name, generation: user.generation };
}

/** Writes a new token, and takes away some that are over. */
export function planPutToken(
  tables: Tables,
  record: TokenRecord,
  nowMs: number,
): Result<ChangePlan, Problem> {
  const over: Operation[] = [];
  let ownCount = 0;
  for (const { value } of tables.tokens.values()) {
    if (!isAlive(value, tables, nowMs)) {
      over.push({ kind: "delete", key: `${keys.tokens}${value.id}` });
    } else if (record.user !== undefined && value.user?.name === record.user.name) {
      ownCount += 1;
    }
  }
  if (tables.tokens.size - over.length >= tokensMax) {
    return refuse("too-many", `there are ${tokensMax} tokens already`);
  }
  if (ownCount >= ownTokensMax) {
    return refuse(
      "too-many",
      `user "${record.user?.name}" has ${ownTokensMax} logins and tokens already; log out, or revoke some`,
    );
  }
  const key = `${keys.tokens}${record.id}`;
  const about = record.node === undefined ? "" : ` for node ${record.node}`;
  const owned = [...record.ownsNodes, ...record.ownsServices];
  const of = owned.length === 0 ? "" : ` of ${owned.join(", ")}`;
  const whose = record.user === undefined ? "" : ` of user ${record.user.name}`;
  return ok({
    compare: [{ kind: "absent", key }],
    operations: [{ kind: "put", key, value: jsonOf(record) }, ...over.slice(0, sweptMax)],
    action: "token.create",
    subject: record.id,
    detail: `${record.role}${of} "${record.name}"${about}${whose}`,
  });
}

/** Takes a token back; not the last admin's that lasts. */
export function planRevokeToken(tables: Tables, id: string): Result<ChangePlan, Problem> {
  const row = tables.tokens.get(id);
  if (row === undefined) return refuse("not-found", `there is no token "${id}"`);
  const key = `${keys.tokens}${id}`;
  const rests = isLastingToken(row.value) ? anotherAdmin(tables, key) : ok([]);
  if (!rests.ok) return rests;
  return ok({
    compare: [{ kind: "modified-at", key, revision: row.revision }, ...rests.value],
    operations: [{ kind: "delete", key }],
    action: "token.delete",
    subject: id,
    detail: row.value.name,
  });
}
