/** Who is asking: bearer tokens of the form `hf_<id>_<secret>`, of which the store holds only the hash. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { NodeId } from "../../core/ids.ts";
import { ok, type Result } from "../../core/result.ts";
import type { Problem } from "../../wire/errors.ts";
import type { TokenRecord } from "../../wire/records.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { refuse } from "./problem-error.ts";

const tokenPattern = /^hf_([a-z0-9]{1,32})_([A-Za-z0-9_-]{43})$/;
const headerPattern = /^Bearer +([^ ]+)$/i;

/** The holder of a token that was accepted. */
export type Identity =
  | { readonly role: "admin"; readonly tokenId: string; readonly who: string }
  | {
      readonly role: "agent";
      readonly tokenId: string;
      readonly who: string;
      /** The only node that it may speak for. */
      readonly node: NodeId;
    };

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

/** Checks the header `Authorization`. `nowMs` is wall time, for the expiry. */
export function authenticate(
  header: string | undefined,
  tables: ViewTables,
  nowMs: number,
): Result<Identity, Problem> {
  if (header === undefined) {
    return refuse(
      "no-token",
      "no token was given; the header Authorization: Bearer <token> holds it",
    );
  }
  const token = headerPattern.exec(header)?.[1];
  if (token === undefined) {
    return refuse("bad-token", 'the header Authorization is not of the form "Bearer <token>"');
  }
  const id = tokenIdOf(token);
  const record = id === undefined ? undefined : tables.tokens.get(id)?.value;
  if (record === undefined || !isSameHash(hashOf(token), record.sha256)) {
    return refuse("bad-token", "the token is not known here");
  }
  if (record.expiresAtMs !== undefined && record.expiresAtMs <= nowMs) {
    const when = new Date(record.expiresAtMs).toISOString();
    return refuse("token-expired", `the token "${record.name}" has expired at ${when}`);
  }
  return identityOf(record);
}

function identityOf(record: TokenRecord): Result<Identity, Problem> {
  const base = { tokenId: record.id, who: `${record.id}/${record.name}` };
  if (record.role === "admin") return ok({ ...base, role: "admin" });
  if (record.node === undefined) return refuse("bad-token", "the agent's token names no node");
  return ok({ ...base, role: "agent", node: record.node });
}

function isSameHash(left: string, right: string): boolean {
  return left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));
}
