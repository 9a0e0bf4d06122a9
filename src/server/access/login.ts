/** The plan of a login: a token that may what its user may, for a working day. */
import { ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import { loginTtlMs, type PasswordRecord, type UserRecord } from "../../wire/access.ts";
import type { Problem } from "../../wire/errors.ts";
import { keys } from "../../wire/records.ts";
import { type ChangePlan, unchanged } from "../changes/change.ts";
import type { NewToken } from "../http/auth.ts";
import { refuse } from "../http/problem-error.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { ownerOf, planPutToken } from "./token-changes.ts";

/** A user whose password was proven. */
export interface Login {
  readonly user: UserRecord;
  readonly made: NewToken;
  readonly nowMs: number;
  /** The same password, hashed with today's cost; undefined: it is. */
  readonly rehashed: PasswordRecord | undefined;
}

/** Writes the token, unless the password was changed or the user removed since it was proven. */
export function planLogin(
  tables: Pick<ViewTables, "tokens" | "users">,
  { user, made, nowMs, rehashed }: Login,
): Result<ChangePlan, Problem> {
  const row = tables.users.get(user.name);
  if (row?.value.generation !== user.generation) {
    return refuse("bad-login", "there is no such user, or it has another password");
  }
  const planned = planPutToken(
    tables,
    {
      version: 2,
      id: made.id,
      sha256: made.sha256,
      role: "user",
      ownsNodes: [],
      ownsServices: [],
      user: ownerOf(user),
      name: "login",
      createdAtMs: nowMs,
      expiresAtMs: nowMs + loginTtlMs,
    },
    nowMs,
  );
  if (!planned.ok) return planned;
  const plan = { ...planned.value, action: "user.login", subject: user.name, detail: made.id };
  if (rehashed === undefined) return ok(plan);
  const key = `${keys.users}${user.name}`;
  const value = jsonOf({ ...row.value, password: rehashed });
  return ok({
    ...plan,
    compare: [...plan.compare, unchanged(key, row)],
    operations: [...plan.operations, { kind: "put", key, value }],
  });
}
