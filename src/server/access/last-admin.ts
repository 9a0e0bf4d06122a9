/** Nobody may lock everybody out: an admin who lasts has to be left. */
import { ok, type Result } from "../../core/result.ts";
import type { Compare } from "../../ports/store.ts";
import type { UserRecord } from "../../wire/access.ts";
import type { Problem } from "../../wire/errors.ts";
import { keys, type TokenRecord } from "../../wire/records.ts";
import { refuse } from "../http/problem-error.ts";
import type { ViewTables } from "../view/view-tables.ts";

type Tables = Pick<ViewTables, "tokens" | "users">;

/** A token that expires, or ends with its user, does not last. */
export function isLastingToken(record: TokenRecord): boolean {
  return record.role === "admin" && record.expiresAtMs === undefined && record.user === undefined;
}

/** A user with a password can log in as long as there is the user. */
export function isLastingUser(record: UserRecord): boolean {
  return record.role === "admin";
}

/** What a change that takes the admin at `key` away rests on: of two last ones only one can go. */
export function anotherAdmin(tables: Tables, key: string): Result<readonly Compare[], Problem> {
  for (const { value, revision } of tables.tokens.values()) {
    const other = `${keys.tokens}${value.id}`;
    if (other !== key && isLastingToken(value)) return ok([unchangedAt(other, revision)]);
  }
  for (const { value, revision } of tables.users.values()) {
    const other = `${keys.users}${value.name}`;
    if (other !== key && isLastingUser(value)) return ok([unchangedAt(other, revision)]);
  }
  return refuse(
    "refused",
    "this is the last admin: there is no other user of role admin, and no other admin's token that does not expire; make one first",
  );
}

function unchangedAt(key: string, revision: number): Compare {
  return { kind: "modified-at", key, revision };
}
