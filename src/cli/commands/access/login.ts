/** `login`, `logout`, `whoami`: a user's password becomes a token in a file of their own, for a working day. */
import { chmod, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Command } from "commander";
import * as z from "zod";
import { ok, type Result } from "../../../core/result.ts";
import type { Whoami } from "../../../wire/access.ts";
import type { CommandContext } from "../../command-context.ts";
import { done, type Failure, fail, failOfApi, type Outcome, usage } from "../../failure.ts";
import { formatInstant } from "../../format/quantity.ts";
import { connect } from "../../input/connection.ts";
import { readTextFile } from "../../input/yaml-file.ts";
import type { Session } from "../../session.ts";
import { askPassword, readPasswords } from "./read-password.ts";

/** Hangs the three into the program. */
export function addLoginCommands(program: Command, context: CommandContext): void {
  const login = program
    .command("login")
    .description("log in with user and password; holds for 12 h")
    .argument("[user]")
    .option("--password-stdin", "read the password from standard input instead of asking for it");
  context.handle(login, logIn);
  context.handle(program.command("logout").description("end the login"), logOut);
  context.handle(program.command("whoami").description("who one is, and what one may"), whoAmI);
}

async function logIn(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { passwordStdin } = z.object({ passwordStdin: z.boolean().default(false) }).parse(options);
  const { io } = session;
  const file = tokenFileOf(session);
  if (!file.ok) return file;
  const client = await connect(session.flags, io, { purpose: "login" });
  if (!client.ok) return client;
  const user = values[0] ?? (passwordStdin ? undefined : await io.ask("User: "));
  if (user === undefined || user === "") return usage("who logs in is not said", "name the user");
  const password = await passwordOf(session, user, passwordStdin);
  if (!password.ok) return password;
  const answer = await client.value.login(user, password.value);
  if (!answer.ok) return failOfApi(answer.error);
  const { token, expiresAtMs } = answer.value;
  const kept = await keepToken(file.value, token);
  if (!kept.ok) return kept;
  session.print({ user, expiresAtMs, tokenFile: file.value }, () => {
    const shadow = shadowOf(session);
    const but = shadow === undefined ? "" : `; but ${shadow} goes before it`;
    return `logged in as ${user} until ${formatInstant(expiresAtMs)}; the token is in ${file.value}${but}\n`;
  });
  return done;
}

async function passwordOf(
  session: Session,
  user: string,
  fromStandardInput: boolean,
): Promise<Result<string, Failure>> {
  if (!fromStandardInput) return await askPassword(session, `Password of ${user}: `);
  const lines = await readPasswords(session, ["the password"]);
  return lines.ok ? ok(lines.value[0] ?? "") : lines;
}

function tokenFileOf(session: Session): Result<string, Failure> {
  const { userTokenFile } = session.io.places;
  if (userTokenFile !== undefined) return ok(userTokenFile);
  return usage("there is no place for the login's token", "set HOME or XDG_CONFIG_HOME");
}

/** A token that is found before the login's. */
function shadowOf(session: Session): string | undefined {
  if (session.flags.tokenFile !== undefined) return "--token-file";
  const names = ["HOLDFAST_TOKEN", "HOLDFAST_TOKEN_FILE"];
  return names.find((name) => (session.io.environment[name] ?? "") !== "");
}

/** The file is the old one or the new one, and its owner's only. */
async function keepToken(file: string, token: string): Promise<Outcome> {
  const draft = `${file}.${process.pid}.new`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(draft, `${token}\n`, { mode: 0o600, flag: "wx" });
    await chmod(draft, 0o600);
    await rename(draft, file);
    return done;
  } catch (error: unknown) {
    await rm(draft, { force: true });
    const reason = error instanceof Error ? error.message : String(error);
    return fail(2, `cannot keep the login in ${file}: ${reason}`);
  }
}

async function logOut(session: Session): Promise<Outcome> {
  const file = tokenFileOf(session);
  if (!file.ok) return file;
  const kept = await readTextFile(file.value);
  if (!kept.ok) {
    session.print({ loggedOut: true }, () => "already logged out\n");
    return done;
  }
  const flags = { ...session.flags, tokenFile: file.value };
  const client = await connect(flags, session.io);
  if (!client.ok) return client;
  const answer = await client.value.logout();
  // A login that has ended already is ended.
  const isOver = answer.ok || ["bad-token", "token-expired"].includes(answer.error.code ?? "");
  if (!isOver) return failOfApi(answer.error);
  await rm(file.value, { force: true });
  session.print({ loggedOut: true }, () => "logged out\n");
  return done;
}

async function whoAmI(session: Session): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.whoami();
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => whoamiText(session, answer.value));
  return done;
}

function whoamiText(session: Session, self: Whoami): string {
  const owned = [...self.ownsNodes, ...self.ownsServices];
  const lines: (readonly [string, string])[] = [
    ["you are", self.who],
    ["role", self.role],
    ...(owned.length === 0 ? [] : [["owns", owned.join(", ")] as const]),
    ...(self.expiresAtMs === undefined
      ? []
      : [["until", formatInstant(self.expiresAtMs)] as const]),
    ["may", self.permissions.join(", ")],
    ...(self.ownedPermissions.length === 0
      ? []
      : [["may, of what is owned", self.ownedPermissions.join(", ")] as const]),
  ];
  const width = Math.max(...lines.map(([label]) => label.length));
  return lines
    .map(([label, text]) => `${session.colours.paint("dim", label.padEnd(width))}  ${text}\n`)
    .join("");
}
