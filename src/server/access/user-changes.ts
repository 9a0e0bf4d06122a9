/** The plans of changes to users: added, given another role or password, removed. */
import { randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Grant } from "../../core/access/permits.ts";
import { ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { PasswordRecord, UserRecord, UserResource } from "../../wire/access.ts";
import type { Problem } from "../../wire/errors.ts";
import { keys } from "../../wire/records.ts";
import { type ChangePlan, nothingToDo, unchanged } from "../changes/change.ts";
import { grantOf } from "../http/auth.ts";
import { refuse } from "../http/problem-error.ts";
import { usersMax } from "../limits.ts";
import type { Row } from "../view/table-slots.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { anotherAdmin, isLastingUser } from "./last-admin.ts";

type Tables = Pick<ViewTables, "tokens" | "users">;

/** A user as everybody may see them. */
export function userResource({ value, revision }: Row<UserRecord>): UserResource {
  const { version: _version, password: _password, generation: _generation, ...resource } = value;
  return { ...resource, revision };
}

/** The user's row; a problem when there is none. */
export function userRow(tables: Tables, name: string): Result<Row<UserRecord>, Problem> {
  const row = tables.users.get(name);
  return row === undefined ? refuse("not-found", `there is no user "${name}"`) : ok(row);
}

/** A user who must not exist yet. */
export function planAddUser(
  tables: Tables,
  user: Grant & { readonly name: string; readonly password: PasswordRecord },
  nowMs: number,
): Result<ChangePlan, Problem> {
  const { name, password, role, ownsNodes, ownsServices } = user;
  if (tables.users.has(name)) return refuse("already-exists", `user "${name}" exists already`);
  if (tables.users.size >= usersMax) {
    return refuse("too-many", `there are ${usersMax} users already`);
  }
  const record: UserRecord = {
    version: 1,
    name,
    role,
    ownsNodes: [...ownsNodes],
    ownsServices: [...ownsServices],
    password,
    generation: newGeneration(),
    createdAtMs: nowMs,
    passwordSetAtMs: nowMs,
  };
  return ok({ ...planPut(undefined, record), action: "user.add", detail: wordsOfGrant(user) });
}

/** Another role, at once for all logins and tokens of the user. */
export function planUserRole(
  tables: Tables,
  name: string,
  grant: Grant,
): Result<ChangePlan, Problem> {
  const row = userRow(tables, name);
  if (!row.ok) return row;
  const { value } = row.value;
  if (isDeepStrictEqual(grantOf(value), grant)) return ok(nothingToDo);
  const isLess = isLastingUser(value) && grant.role !== "admin";
  const rests = isLess ? anotherAdmin(tables, `${keys.users}${name}`) : ok([]);
  if (!rests.ok) return rests;
  const { role, ownsNodes, ownsServices } = grant;
  const changed = {
    ...value,
    role,
    ownsNodes: [...ownsNodes],
    ownsServices: [...ownsServices],
  };
  const plan = planPut(row.value, changed);
  return ok({
    ...plan,
    compare: [...plan.compare, ...rests.value],
    action: "user.role",
    detail: wordsOfGrant(grant),
  });
}

/** Another password, which ends all logins and tokens of the user. */
export function planPassword(
  tables: Tables,
  name: string,
  password: PasswordRecord,
  nowMs: number,
): Result<ChangePlan, Problem> {
  const row = userRow(tables, name);
  if (!row.ok) return row;
  const changed = {
    ...row.value.value,
    password,
    generation: newGeneration(),
    passwordSetAtMs: nowMs,
  };
  return ok({ ...planPut(row.value, changed), action: "user.password" });
}

/** The user's logins and tokens end with the user. */
export function planRemoveUser(tables: Tables, name: string): Result<ChangePlan, Problem> {
  const row = userRow(tables, name);
  if (!row.ok) return row;
  const key = `${keys.users}${name}`;
  const rests = isLastingUser(row.value.value) ? anotherAdmin(tables, key) : ok([]);
  if (!rests.ok) return rests;
  return ok({
    compare: [unchanged(key, row.value), ...rests.value],
    operations: [{ kind: "delete", key }],
    action: "user.remove",
    subject: name,
    detail: "",
  });
}

function planPut(row: Row<UserRecord> | undefined, record: UserRecord): ChangePlan {
  const key = `${keys.users}${record.name}`;
  return {
    compare: [unchanged(key, row)],
    operations: [{ kind: "put", key, value: jsonOf(record) }],
    action: "",
    subject: record.name,
    detail: "",
  };
}

function wordsOfGrant({ role, ownsNodes, ownsServices }: Grant): string {
  const owned = [...ownsNodes, ...ownsServices];
  return owned.length === 0 ? role : `${role} of ${owned.join(", ")}`;
}

/** A user of the same name who comes later is another one. */
function newGeneration(): string {
  return randomBytes(12).toString("hex");
}
