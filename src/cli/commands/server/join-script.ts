/** `join-script`: the one command that a new machine needs; `join-token`: those that were given out. */
import type { Command } from "commander";
import * as z from "zod";
import type { CreatedJoinToken } from "../../../wire/joining.ts";
import { argumentAt, type CommandContext, durationOption } from "../../command-context.ts";
import { done, failOfApi, type Outcome, usage } from "../../failure.ts";
import { formatInstant, formatSpan, writeDuration } from "../../format/quantity.ts";
import type { Session } from "../../session.ts";
import { haGroupOption } from "../fleet/ha-group-option.ts";
import { tellWarnings } from "../service/change.ts";

const flagsSchema = z.object({
  node: z.boolean().default(false),
  haGroup: z.string().optional(),
  ttl: z.number().optional(),
  once: z.boolean().default(false),
  name: z.string().default(""),
});

/** Hangs `join-script` and `join-token` into the program. */
export function addJoinScriptCommands(program: Command, context: CommandContext): void {
  const script = program
    .command("join-script")
    .description("print the one command with which a new machine joins")
    .option("--node", "for a node (or --server without a value: for a server)")
    .addOption(durationOption("--ttl <duration>", "it counts for (default: server 2h, node 24h)"))
    .option("--once", "it counts for one machine only")
    .option("--name <text>", "what it is for")
    .addOption(haGroupOption("with --node: the HA group that the node is put into"));
  context.handle(script, printScript);
  const token = program.command("join-token").description("join commands that were given out");
  context.handle(
    token.command("list").description("all, with the time they have left"),
    listTokens,
  );
  const revoke = token.command("revoke").description("take one back").argument("<id>");
  context.handle(revoke, revokeToken);
}

async function printScript(
  session: Session,
  _values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const flags = flagsSchema.parse(options);
  const role = flags.node ? "node" : "server";
  if (flags.node === (session.flags.isBare === true)) {
    return usage("for what the machine joins must be said", "give --server or --node");
  }
  const { ttl, once, name, haGroup } = flags;
  if (haGroup !== undefined && role === "server") {
    return usage("only nodes are in HA groups", "leave --ha-group out, or give --node");
  }
  const client = await session.client();
  if (!client.ok) return client;
  if (haGroup !== undefined) {
    const group = await client.value.haGroup(haGroup);
    if (!group.ok) return failOfApi(group.error);
  }
  const answer = await client.value.createJoinToken({
    role,
    name,
    ...(ttl === undefined ? {} : { ttlMs: ttl }),
    singleUse: once,
  });
  if (!answer.ok) return failOfApi(answer.error);
  const command = commandOf(answer.value, haGroup);
  session.print({ ...answer.value, command }, () => `${command}\n`);
  tellWarnings(session, answer.value.warnings);
  const left = writeDuration(answer.value.leftMs);
  session.io.stderr.write(
    `as root on the new machine; it counts for ${left}${once ? ", once" : ""} (holdfast join-token revoke ${answer.value.id})\n`,
  );
  return done;
}

/** The token goes into the environment, where only the same user can read it. */
function commandOf(
  { role, token, servers, authorityHash }: CreatedJoinToken,
  haGroup: string | undefined,
): string {
  const group = haGroup === undefined ? "" : ` --ha-group ${haGroup}`;
  return `HOLDFAST_JOIN_TOKEN=${token} holdfast ${role} join ${servers.join(",")} --ca-hash ${authorityHash}${group}`;
}

async function listTokens(session: Session): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.joinTokens();
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () =>
    session.table(
      ["ID", "FOR", "LEFT", "CREATED", "USE", "NAME"],
      answer.value.items.map((token) => [
        token.id,
        token.role,
        token.leftMs === 0 ? "over" : formatSpan(token.leftMs),
        formatInstant(token.createdAtMs),
        !token.singleUse ? "any" : token.usedBy === undefined ? "once" : "used",
        token.name,
      ]),
    ),
  );
  return done;
}

async function revokeToken(session: Session, values: readonly string[]): Promise<Outcome> {
  const id = argumentAt(values, 0);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.revokeJoinToken(id);
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body ?? { id }, () => `join token ${id} is revoked\n`);
  return done;
}
