/** `token ...`: who may speak to the servers. A token is shown once, and never given as an argument. */
import { writeFile } from "node:fs/promises";
import type { Command } from "commander";
import * as z from "zod";
import type { TokenRequest } from "../../../client/access.ts";
import { parseNodeId } from "../../../core/ids.ts";
import { ok, type Result } from "../../../core/result.ts";
import { type CreatedToken, type TokenResource, tokenTtlRangeMs } from "../../../wire/api.ts";
import { argumentAt, type CommandContext, durationOption } from "../../command-context.ts";
import { done, type Failure, fail, failOfApi, type Outcome, usage } from "../../failure.ts";
import { formatInstant } from "../../format/quantity.ts";
import type { Session } from "../../session.ts";
import { addGrantOptions, grantFlags, grantOfFlags } from "./grant-flags.ts";

/** Hangs `token` and its verbs into the program. */
export function addTokenCommands(program: Command, context: CommandContext): void {
  const token = program.command("token").description("who may speak to the servers");
  const create = token
    .command("create")
    .description("make a token; it is shown this once only")
    .option("--node <name>", "for the agent of this node, and for nothing else")
    .option("--admin", "for a person or script that may do everything: --role admin")
    .option("--own", "your own: it ends with your user, and may never more than you")
    .option("--name <text>", "what it is for")
    .addOption(
      durationOption(
        "--ttl <duration>",
        "it expires after, e.g. 24h (default: never)",
        tokenTtlRangeMs,
      ),
    )
    .option("--out <file>", "write it to a new file that only you can read");
  addGrantOptions(create);
  context.handle(create, createToken);
  context.handle(token.command("list").description("all tokens, without their secret"), listTokens);
  const revoke = token.command("revoke").description("take a token back").argument("<id>");
  context.handle(revoke, revokeToken);
}

const createSchema = z.object({
  ...grantFlags,
  node: z.string().optional(),
  admin: z.boolean().default(false),
  own: z.boolean().default(false),
  name: z.string().optional(),
  ttl: z.number().optional(),
  out: z.string().optional(),
});

/** For whom the token is to be, as the API has it. */
type TokenFor = Pick<TokenRequest, "role" | "ownsNodes" | "ownsServices" | "own" | "node">;

function tokenFor(flags: z.output<typeof createSchema>): Result<TokenFor, Failure> {
  const { node, admin, own } = flags;
  const grant = grantOfFlags(flags);
  if (!grant.ok) return grant;
  const count = [node !== undefined, admin, grant.value !== undefined].filter(Boolean).length;
  if (count > 1 || (count === 0 && !own)) {
    return usage(
      "for whom the token is must be said once",
      "give --node NAME, --role ROLE, --admin or --own",
    );
  }
  if (node !== undefined) {
    const named = parseNodeId(node);
    if (!named.ok) return usage(`--node: ${named.error}`);
    if (own) return usage("--own: the token of a node's agent belongs to nobody");
    return ok({ role: "agent", node });
  }
  if (admin) return ok({ role: "admin", own });
  return ok(grant.value === undefined ? { role: "user", own } : { ...grant.value, own });
}

async function createToken(
  session: Session,
  _values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const flags = createSchema.parse(options);
  const { node, name, ttl, out } = flags;
  const wanted = tokenFor(flags);
  if (!wanted.ok) return wanted;
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.createToken({
    ...wanted.value,
    name: name ?? (node === undefined ? wanted.value.role : `agent of ${node}`),
    ...(ttl === undefined ? {} : { ttlMs: ttl }),
  });
  if (!answer.ok) return failOfApi(answer.error);
  const written = await writeOut(out, answer.value);
  if (!written.ok) {
    await client.value.revokeToken(answer.value.id); // nobody has it: the file could not be written
    return written;
  }
  printCreated(session, answer.value, answer.body, out);
  return done;
}

async function writeOut(out: string | undefined, created: CreatedToken): Promise<Outcome> {
  if (out === undefined) return done;
  try {
    await writeFile(out, `${created.token}\n`, { mode: 0o600, flag: "wx" });
    return done;
  } catch (error: unknown) {
    const reason = reasonOf(error);
    return fail(2, `cannot write ${out}: ${reason}`, "name a new file in a folder of yours");
  }
}

const reasons: Readonly<Record<string, string>> = {
  EEXIST: "it is there already",
  EACCES: "permission denied",
  ENOENT: "its folder is not there",
  ENOTDIR: "its folder is a file",
};

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return ("code" in error ? reasons[String(error.code)] : undefined) ?? error.message;
}

function printCreated(
  session: Session,
  created: CreatedToken,
  body: unknown,
  out: string | undefined,
): void {
  const { token, ...rest } = created;
  session.print(out === undefined ? body : rest, () => {
    if (out === undefined) return `${token}\n`;
    const next =
      created.node === undefined
        ? `use it with --token-file ${out}`
        : `start the agent with: holdfast agent run --server URL --token-file ${out}`;
    return `token ${created.id} is in ${out}; ${next}\n`;
  });
}

async function listTokens(session: Session): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.tokens();
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () =>
    session.table(
      ["ID", "ROLE", "FOR", "CREATED", "EXPIRES", "NAME"],
      answer.value.items.map((token) => [
        token.id,
        token.role,
        objectsOf(token),
        formatInstant(token.createdAtMs),
        token.expiresAtMs === undefined ? "never" : formatInstant(token.expiresAtMs),
        token.name,
      ]),
    ),
  );
  return done;
}

/** Whose it is, or what it is for. */
function objectsOf(token: TokenResource): string {
  const owned = [...token.ownsNodes, ...token.ownsServices].join(", ");
  const user = token.user === undefined ? "" : `user ${token.user}`;
  const parts = [token.node ?? "", user, owned].filter((part) => part !== "");
  return parts.length === 0 ? "-" : parts.join(": ");
}

async function revokeToken(session: Session, values: readonly string[]): Promise<Outcome> {
  const id = argumentAt(values, 0);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.revokeToken(id);
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body ?? { id }, () => `token ${id} is revoked\n`);
  return done;
}
