/** `role ...`: what each role may. */
import type { Command } from "commander";
import type { RoleList, RoleResource } from "../../../wire/access.ts";
import { argumentAt, type CommandContext } from "../../command-context.ts";
import { done, fail, failOfApi, type Outcome } from "../../failure.ts";
import type { Session } from "../../session.ts";

/** Hangs `role` and its verbs into the program. */
export function addRoleCommands(program: Command, context: CommandContext): void {
  const role = program.command("role").description("what each role may");
  context.handle(role.command("list").description("all roles beside all permissions"), listRoles);
  const show = role.command("show").description("what one role may").argument("<name>");
  context.handle(show, showRole);
}

async function listRoles(session: Session): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.roles();
  if (!answer.ok) return failOfApi(answer.error);
  const { items, permissions } = answer.value;
  session.print(answer.body, () =>
    session.table(
      ["PERMISSION", ...items.map(({ name }) => name.toUpperCase()), "WHAT IT IS FOR"],
      permissions.map(({ name, words }) => [name, ...items.map((item) => mark(item, name)), words]),
    ),
  );
  return done;
}

type PermissionName = RoleResource["permissions"][number];

function mark(role: RoleResource, permission: PermissionName): string {
  if (role.permissions.includes(permission)) return "yes";
  return role.ownedPermissions.includes(permission) ? "own" : "-";
}

async function showRole(session: Session, values: readonly string[]): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.roles();
  if (!answer.ok) return failOfApi(answer.error);
  const role = answer.value.items.find((item) => item.name === name);
  if (role === undefined) {
    const known = answer.value.items.map((item) => item.name).join(", ");
    return fail(3, `there is no role "${name}"`, `there are ${known}`);
  }
  session.print(role, () => roleText(session, role, answer.value.permissions));
  return done;
}

function roleText(
  session: Session,
  role: RoleResource,
  permissions: RoleList["permissions"],
): string {
  const has = permissions.filter(({ name }) => mark(role, name) !== "-");
  return session.table(
    ["PERMISSION", "FOR", "WHAT IT IS FOR"],
    has.map(({ name, words }) => [
      name,
      mark(role, name) === "yes" ? "everything" : "what it owns",
      words,
    ]),
  );
}
