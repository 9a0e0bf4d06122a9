/** What a request brings to show who asks: tokens of the form `hf_<id>_<secret>`, of which the store holds only the hash, or a password. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Grant } from "../../core/access/permits.ts";
import { ok, type Result } from "../../core/result.ts";
import type { UserRecord } from "../../wire/access.ts";
import type { Problem } from "../../wire/errors.ts";
import type { TokenRecord } from "../../wire/records.ts";
import type { AgentIdentity, PersonIdentity } from "../access/identity.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { refuse } from "./problem-error.ts";

const tokenPattern = /^hf_([a-z0-9]{1,32})_([A-Za-z0-9_-]{43})$/;
const bearerPattern = /^Bearer +([^ ]+)$/i;
const basicPattern = /^Basic +([A-Za-z0-9+/=_-]{1,4096})$/i;

/** A token that was just made; it is shown once and never stored. */
export interface NewToken {
  readonly id: string;
  readonly token: string;
  readonly sha256: string;
}

/** Makes a token with 256 random bits of secret. */
export function createToken(id: string = randomBytes(6).toString("hex")): NewToken {
  const token = `hf_${id}_${randomBytes(32).toString("base64url")}`;
  return { id, token, sha256: hashOf(token) };
}

/** The id in a token's text; undefined: it is none. */
export function tokenIdOf(token: string): string | undefined {
  return tokenPattern.exec(token)?.[1];
}

/** What the store keeps of a token. */
export function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

const missing =
  "no token was given; the header Authorization: Bearer <token> holds it, or Authorization: Basic a user";
const otherForm =
  'the header Authorization is not of the form "Bearer <token>" or "Basic <user and password>"';

/** What the header `Authorization` brings. */
export type Brought =
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "password"; readonly user: string; readonly password: string };

/** Reads the header `Authorization`. */
export function readAuthorization(header: string | undefined): Result<Brought, Problem> {
  if (header === undefined) return refuse("no-token", missing);
  const token = bearerPattern.exec(header)?.[1];
  if (token !== undefined) return ok({ kind: "token", token });
  const encoded = basicPattern.exec(header)?.[1];
  if (encoded === undefined) return refuse("bad-token", otherForm);
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 0) return refuse("bad-login", "the header Authorization: Basic holds no password");
  return ok({ kind: "password", user: text.slice(0, colon), password: text.slice(colon + 1) });
}

type Tables = Pick<ViewTables, "tokens" | "users">;

/** Checks a token. `nowMs` is wall time, for the expiry. */
export function authenticate(
  token: string,
  tables: Tables,
  nowMs: number,
): Result<PersonIdentity | AgentIdentity, Problem> {
  const id = tokenIdOf(token);
  const record = id === undefined ? undefined : tables.tokens.get(id)?.value;
  if (record === undefined || !isSameHash(hashOf(token), record.sha256)) {
    return refuse("bad-token", "the token is not known here");
  }
  return identityOfToken(record.id, tables, nowMs);
}

/** Who a token that was checked before is now: it may be revoked since. `nowMs` is wall time, for the expiry. */
export function identityOfToken(
  id: string,
  tables: Tables,
  nowMs: number,
): Result<PersonIdentity | AgentIdentity, Problem> {
  const record = tables.tokens.get(id)?.value;
  if (record === undefined) return refuse("bad-token", "the token was revoked");
  if (record.expiresAtMs !== undefined && record.expiresAtMs <= nowMs) {
    const when = new Date(record.expiresAtMs).toISOString();
    return refuse("token-expired", `the token "${record.name}" has expired at ${when}`);
  }
  return identityOf(record, tables);
}

/** The user that a token belongs to, as long as the token counts; undefined: it belongs to nobody, or no longer. */
export function holderOf(
  record: TokenRecord,
  tables: Pick<Tables, "users">,
): UserRecord | undefined {
  if (record.user === undefined) return undefined;
  const user = tables.users.get(record.user.name)?.value;
  return user?.generation === record.user.generation ? user : undefined;
}

/** What a user was given. */
export function grantOf({ role, ownsNodes, ownsServices }: UserRecord): Grant {
  return { role, ownsNodes, ownsServices };
}

function identityOf(
  record: TokenRecord,
  tables: Tables,
): Result<PersonIdentity | AgentIdentity, Problem> {
  const { id, name, role, node, expiresAtMs } = record;
  const who = `${id}/${name}`;
  if (role === "agent") {
    if (node === undefined) return refuse("bad-token", "the agent's token names no node");
    return ok({ kind: "agent", who, node, tokenId: record.id });
  }
  const { ownsNodes, ownsServices } = record;
  const own: readonly Grant[] = role === "user" ? [] : [{ role, ownsNodes, ownsServices }];
  const person = { kind: "person", tokenId: id, expiresAtMs } as const;
  if (record.user === undefined) return ok({ ...person, who, grants: own, user: undefined });
  const user = holderOf(record, tables);
  if (user === undefined) {
    return refuse(
      "bad-token",
      `the token's user "${record.user.name}" was removed, or has another password since`,
    );
  }
  const whoOfUser = role === "user" ? user.name : `${user.name} with ${who}`;
  return ok({ ...person, who: whoOfUser, grants: [...own, grantOf(user)], user: user.name });
}

function isSameHash(left: string, right: string): boolean {
  return left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));
}
