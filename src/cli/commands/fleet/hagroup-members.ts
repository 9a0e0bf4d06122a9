/** `hagroup member ...`: nodes come into an HA group and leave it; several of them all together or not at all. */
import type { Command } from "commander";
import * as z from "zod";
import type { ApiResult } from "../../../client/api-error.ts";
import type { Client } from "../../../client/client.ts";
import { compareIds } from "../../../core/ids.ts";
import type { HaGroupResource } from "../../../wire/fleet/ha-groups.ts";
import { argumentAt, type CommandContext, repeatedOption } from "../../command-context.ts";
import { done, fail, failOfApi, type Outcome } from "../../failure.ts";
import type { Session } from "../../session.ts";

/** How often the change is made anew when somebody else changed the group in between. */
const attemptsMax = 5;

/** Hangs `member` and its verbs below `hagroup`. */
export function addMemberCommands(group: Command, context: CommandContext): void {
  const member = group.command("member").description("nodes of an HA group");
  const add = member
    .command("add")
    .description("put nodes into a group; nothing that runs is stopped or started by it")
    .argument("<hagroup>")
    .addOption(nodeOption())
    .option("--force", "a node that is in another group moves");
  context.handle(add, (session, values, options) =>
    changeMembers(session, argumentAt(values, 0), { options, verb: "add" }),
  );
  const remove = member
    .command("remove")
    .description("take nodes out of a group")
    .argument("<hagroup>")
    .addOption(nodeOption());
  context.handle(remove, (session, values, options) =>
    changeMembers(session, argumentAt(values, 0), { options, verb: "remove" }),
  );
}

function nodeOption(): ReturnType<typeof repeatedOption> {
  return repeatedOption("--node <node>", "a node (again for more)").makeOptionMandatory();
}

const flagsSchema = z.object({
  node: z.array(z.string()),
  force: z.boolean().default(false),
});

interface MemberWish {
  readonly options: unknown;
  readonly verb: "add" | "remove";
}

async function changeMembers(
  session: Session,
  name: string,
  { options, verb }: MemberWish,
): Promise<Outcome> {
  const { node, force } = flagsSchema.parse(options);
  const nodes = [...new Set(node)];
  const client = await session.client();
  if (!client.ok) return client;
  for (let attempt = 1; ; attempt += 1) {
    const group = await client.value.haGroup(name);
    if (!group.ok) return failOfApi(group.error);
    const present = new Set<string>(group.value.members.map((member) => member.node));
    const idle = nodes.filter((one) => present.has(one) === (verb === "add"));
    if (verb === "remove" && idle.length === nodes.length) {
      return fail(
        3,
        `${listed(nodes)} not in HA group "${name}"`,
        `see who is with: holdfast hagroup show ${name}`,
      );
    }
    if (idle.length === nodes.length) return tellAll(session, group, { name, nodes, verb, idle });
    const rest = [...present].filter((one) => !nodes.includes(one));
    const members = verb === "add" ? [...rest, ...nodes].sort(compareIds) : rest;
    const answer = await put(client.value, group.value, { members, force });
    const isStale = !answer.ok && answer.error.code === "changed-meanwhile";
    if (isStale && attempt < attemptsMax) continue;
    if (!answer.ok)
      return failOfApi({ ...answer.error, message: withoutPlaces(answer.error.message) });
    return tellAll(session, answer, { name, nodes, verb, idle });
  }
}

function put(
  client: Client,
  { name, revision }: HaGroupResource,
  { members, force }: { readonly members: readonly string[]; readonly force: boolean },
): Promise<ApiResult<HaGroupResource>> {
  const fromOthers = force ? "move" : "refuse";
  return client.putHaGroup(name, { members }, { expected: revision, fromOthers });
}

/** Whoever names nodes by flags wrote no list with places. */
function withoutPlaces(message: string): string {
  return message.replaceAll(/\bmembers\.\d+: /g, "");
}

interface Told {
  readonly name: string;
  readonly nodes: readonly string[];
  readonly verb: "add" | "remove";
  /** As it is wanted already. */
  readonly idle: readonly string[];
}

function tellAll(
  session: Session,
  answer: Extract<ApiResult<HaGroupResource>, { ok: true }>,
  { name, nodes, verb, idle }: Told,
): Outcome {
  const moved = nodes.filter((node) => !idle.includes(node));
  const already = verb === "add" ? "already in" : "not in";
  const now = verb === "add" ? "now in" : "no longer in";
  session.print(answer.body, () =>
    [
      ...(idle.length === 0 ? [] : [`${listed(idle)} ${already} HA group ${name}\n`]),
      ...(moved.length === 0 ? [] : [`${listed(moved)} ${now} HA group ${name}\n`]),
    ].join(""),
  );
  return done;
}

/** The subject of a sentence with its verb. */
function listed(nodes: readonly string[]): string {
  return `${nodes.join(", ")} ${nodes.length === 1 ? "is" : "are"}`;
}
