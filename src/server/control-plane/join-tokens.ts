/** Join tokens: made, checked and used up. The store holds their hashes only. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { ok, type Result } from "../../core/result.ts";
import type { Compare, Operation } from "../../ports/store.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { Problem } from "../../wire/errors.ts";
import type { JoinRole, JoinTokenRecord, JoinTokenResource } from "../../wire/joining.ts";
import { keys } from "../../wire/records.ts";
import type { ChangePlan } from "../changes/change.ts";
import { refuse } from "../http/problem-error.ts";
import type { ViewTables } from "../view/view-tables.ts";

/** A new machine is at hand when its command is made: servers, which get the authorities' keys, have less time. */
const ttlMsDefault: Readonly<Record<JoinRole, number>> = { server: 7_200_000, node: 86_400_000 };
const joinTokensMax = 1_000;
const tokenPattern = /^hfj_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;

/** What is asked of a new token. */
export interface NewJoinToken {
  readonly role: JoinRole;
  readonly name: string;
  readonly ttlMs?: number | undefined;
  readonly singleUse: boolean;
}

/** Makes a token with 256 random bits of secret, and its record. */
export function createJoinToken(
  wanted: NewJoinToken,
  nowMs: number,
): { readonly token: string; readonly record: JoinTokenRecord } {
  const id = randomBytes(6).toString("hex");
  const token = `hfj_${id}_${randomBytes(32).toString("base64url")}`;
  const record: JoinTokenRecord = {
    version: 1,
    id,
    sha256: hashOf(token),
    role: wanted.role,
    name: wanted.name,
    createdAtMs: nowMs,
    expiresAtMs: nowMs + (wanted.ttlMs ?? ttlMsDefault[wanted.role]),
    singleUse: wanted.singleUse,
  };
  return { token, record };
}

/** As it is listed. */
export function joinTokenResource(record: JoinTokenRecord, nowMs: number): JoinTokenResource {
  const { version: _version, sha256: _sha256, ...resource } = record;
  return { ...resource, leftMs: Math.max(0, record.expiresAtMs - nowMs) };
}

/** Writes a new token, and takes away those that are over. */
export function planJoinToken(
  tables: ViewTables,
  record: JoinTokenRecord,
  nowMs: number,
): Result<ChangePlan, Problem> {
  const over = [...tables.joinTokens.values()].filter(({ value }) => value.expiresAtMs <= nowMs);
  if (tables.joinTokens.size - over.length >= joinTokensMax) {
    return refuse("too-many", `there are ${joinTokensMax} join tokens already; revoke some`);
  }
  const key = `${keys.joinTokens}${record.id}`;
  return ok({
    compare: [{ kind: "absent", key }],
    operations: [
      { kind: "put", key, value: jsonOf(record) },
      ...over
        .slice(0, 50)
        .map(({ value }) => ({ kind: "delete" as const, key: `${keys.joinTokens}${value.id}` })),
    ],
    action: "join-token.create",
    subject: record.id,
    detail: `for a ${record.role}, until ${new Date(record.expiresAtMs).toISOString()}`,
  });
}

/** A token that nobody can join with any more. */
export function planRevokeJoinToken(tables: ViewTables, id: string): Result<ChangePlan, Problem> {
  const row = tables.joinTokens.get(id);
  if (row === undefined) return refuse("not-found", `there is no join token "${id}"`);
  const key = `${keys.joinTokens}${id}`;
  return ok({
    compare: [{ kind: "modified-at", key, revision: row.revision }],
    operations: [{ kind: "delete", key }],
    action: "join-token.revoke",
    subject: id,
    detail: row.value.name,
  });
}

/** A token that was accepted, and what a join that rests on it must compare and write. */
export interface AcceptedJoinToken {
  readonly id: string;
  /** Only the token's holder has it: what is sealed with it nobody else can open. */
  readonly secret: string;
  readonly compare: readonly Compare[];
  readonly operations: readonly Operation[];
}

/** Checks a machine's token. `identity` is the machine's own name for itself: it may repeat its request. */
export function acceptJoinToken(
  tables: ViewTables,
  request: { readonly token: string; readonly role: JoinRole; readonly identity: string },
  nowMs: number,
): Result<AcceptedJoinToken, Problem> {
  const { token, role, identity } = request;
  const [, id, secret] = tokenPattern.exec(token) ?? [];
  const row = id === undefined ? undefined : tables.joinTokens.get(id);
  if (secret === undefined || row === undefined || !isSameHash(hashOf(token), row.value.sha256)) {
    return refuse(
      "bad-token",
      "the join token is not known here; make one with holdfast join-script",
    );
  }
  const { value, revision } = row;
  if (value.expiresAtMs <= nowMs) {
    const when = new Date(value.expiresAtMs).toISOString();
    return refuse("token-expired", `the join token has expired at ${when}`);
  }
  if (value.role !== role) {
    return refuse("not-allowed", `the join token is for a ${value.role}, not for a ${role}`);
  }
  if (value.usedBy !== undefined && value.usedBy !== identity) {
    return refuse("bad-token", "the join token was for one machine, and one has joined with it");
  }
  const key = `${keys.joinTokens}${value.id}`;
  const used = { ...value, usedBy: identity };
  return ok({
    id: value.id,
    secret,
    compare: [{ kind: "modified-at", key, revision }],
    operations:
      value.singleUse && value.usedBy === undefined
        ? [{ kind: "put", key, value: jsonOf(used) }]
        : [],
  });
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function isSameHash(left: string, right: string): boolean {
  return left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));
}
