/** `user ...`: people with a password and a role. A password is never an argument: others could read it there. */
import type { Command } from "commander";
import * as z from "zod";
import type { Client } from "../../../client/client.ts";
import { ok, type Result } from "../../../core/result.ts";
import type { UserPasswordRequest, UserResource } from "../../../wire/access.ts";
import { argumentAt, type CommandContext } from "../../command-context.ts";
import { done, type Failure, failOfApi, type Outcome, usage } from "../../failure.ts";
import { formatInstant } from "../../format/quantity.ts";
import type { Session } from "../../session.ts";
import { addGrantOptions, grantFlags, grantOfFlags, wordsOfGrant } from "./grant-flags.ts";
import { askNewPassword, askPassword, readPasswords } from "./read-password.ts";

const fromInput = "read it from standard input instead of asking for it";

/** Hangs `user` and its verbs into the program. */
export function addUserCommands(program: Command, context: CommandContext): void {
  const user = program.command("user").description("people who log in with a password");
  const add = user
    .command("add")
    .description("add a user; asks for the password twice")
    .argument("<name>")
    .option("--password-stdin", fromInput);
  addGrantOptions(add);
  context.handle(add, addUser);
  context.handle(user.command("list").description("all users"), listUsers);
  const role = user
    .command("role")
    .description("give a user another role, at once for all their logins")
    .argument("<name>");
  addGrantOptions(role);
  context.handle(role, putRole);
  const password = user
    .command("password")
    .description("give a user another password; ends their logins and tokens")
    .argument("[name]", "default: oneself")
    .option("--password-stdin", `${fromInput}; one's own: the present one, then the new one`);
  context.handle(password, putPassword);
  const remove = user
    .command("remove")
    .description("remove a user, and with them their logins and tokens")
    .argument("<name>");
  context.handle(remove, removeUser);
}

const addSchema = z.object({ ...grantFlags, passwordStdin: z.boolean().default(false) });

async function addUser(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const { passwordStdin, ...flags } = addSchema.parse(options);
  const grant = grantOfFlags(flags);
  if (!grant.ok) return grant;
  if (grant.value === undefined) return usage("what the user may is not said", "give --role ROLE");
  const password = await newPassword(session, name, passwordStdin);
  if (!password.ok) return password;
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.addUser({ name, ...grant.value, password: password.value });
  if (!answer.ok) return failOfApi(answer.error);
  session.print(
    answer.body,
    () =>
      `user ${name} is added: ${wordsOfGrant(answer.value)}; log in with: holdfast login ${name}\n`,
  );
  return done;
}

async function newPassword(
  session: Session,
  name: string,
  fromStandardInput: boolean,
): Promise<Result<string, Failure>> {
  if (!fromStandardInput) return await askNewPassword(session, name);
  const lines = await readPasswords(session, ["the password"]);
  return lines.ok ? ok(lines.value[0] ?? "") : lines;
}

async function listUsers(session: Session): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.users();
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () =>
    answer.value.items.length === 0
      ? "no users; add one with: holdfast user add NAME --role ROLE\n"
      : session.table(
          ["NAME", "ROLE", "PASSWORD SET", "OWNS"],
          answer.value.items.map((user) => [
            user.name,
            user.role,
            formatInstant(user.passwordSetAtMs),
            [...user.ownsNodes, ...user.ownsServices].join(", ") || "-",
          ]),
        ),
  );
  return done;
}

async function putRole(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const grant = grantOfFlags(z.object(grantFlags).parse(options));
  if (!grant.ok) return grant;
  if (grant.value === undefined) return usage("the role is not said", "give --role ROLE");
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.putUserRole(name, grant.value);
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => `user ${name} is ${wordsOfGrant(answer.value)} now\n`);
  return done;
}

async function putPassword(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { passwordStdin } = z.object({ passwordStdin: z.boolean().default(false) }).parse(options);
  const client = await session.client();
  if (!client.ok) return client;
  const self = await client.value.whoami();
  if (!self.ok) return failOfApi(self.error);
  const name = values[0] ?? self.value.user;
  if (name === undefined) {
    return usage("whose password is not said, and you are no user", "name the user");
  }
  const isOwn = name === self.value.user;
  const request = await passwordRequest(session, { name, isOwn, passwordStdin });
  if (!request.ok) return request;
  const answer = await sendPassword(client.value, name, request.value);
  if (!answer.ok) return answer;
  const next = isOwn ? `; log in again with: holdfast login ${name}` : "";
  session.print(
    answer.value,
    () => `user ${name} has a new password; their logins and tokens have ended${next}\n`,
  );
  return done;
}

async function sendPassword(
  client: Client,
  name: string,
  request: UserPasswordRequest,
): Promise<Result<UserResource, Failure>> {
  const answer = await client.putUserPassword(name, request);
  return answer.ok ? ok(answer.value) : failOfApi(answer.error);
}

async function passwordRequest(
  session: Session,
  wanted: { readonly name: string; readonly isOwn: boolean; readonly passwordStdin: boolean },
): Promise<Result<UserPasswordRequest, Failure>> {
  const { name, isOwn, passwordStdin } = wanted;
  if (!isOwn) {
    const password = await newPassword(session, name, passwordStdin);
    return password.ok ? ok({ password: password.value }) : password;
  }
  if (passwordStdin) {
    const lines = await readPasswords(session, ["the present password", "the new one"]);
    if (!lines.ok) return lines;
    const [currentPassword = "", password = ""] = lines.value;
    return ok({ currentPassword, password });
  }
  const current = await askPassword(session, `Present password of ${name}: `);
  if (!current.ok) return current;
  const password = await askNewPassword(session, name);
  if (!password.ok) return password;
  return ok({ currentPassword: current.value, password: password.value });
}

async function removeUser(session: Session, values: readonly string[]): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.removeUser(name);
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body ?? { name }, () => `user ${name} is removed\n`);
  return done;
}
