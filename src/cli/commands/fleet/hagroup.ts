/** `hagroup ...`: sets of nodes of which at most one is being upgraded at a time. */
import { type Command, InvalidArgumentError, Option } from "commander";
import * as z from "zod";
import type { HaGroupResource } from "../../../wire/fleet/ha-groups.ts";
import { nameSchema } from "../../../wire/ids.ts";
import { argumentAt, type CommandContext } from "../../command-context.ts";
import { done, failOfApi, type Outcome } from "../../failure.ts";
import { formatInstant, formatSpan } from "../../format/quantity.ts";
import { oneLine } from "../../format/text-width.ts";
import type { Session } from "../../session.ts";
import { haGroupTemplate, readHaGroupFile } from "./hagroup-file.ts";
import { addMemberCommands } from "./hagroup-members.ts";

const examples = `
Example:
  holdfast hagroup new > pair.json        (then write names into it)
  holdfast hagroup add pair --json-file pair.json
  holdfast hagroup member add pair --node node3`;

/** Hangs `hagroup` and its verbs into the program. */
export function addHaGroupCommands(program: Command, context: CommandContext): void {
  const group = program
    .command("hagroup")
    .description("sets of nodes of which one at a time is upgraded");
  context.handle(
    group.command("new").description("print a commented template for hagroup add"),
    (session) => {
      session.io.stdout.write(haGroupTemplate);
      return Promise.resolve(done);
    },
  );
  const add = group
    .command("add")
    .description("add a group as a file describes it, or change the one that is there")
    .argument("[hagroup]", "its name (default: the one in the file)", parseName)
    .addOption(
      new Option(
        "--json-file <file>",
        "JSON, comments allowed; - is standard input",
      ).makeOptionMandatory(),
    )
    .option("--force", "nodes that are in another group move")
    .addHelpText("after", examples);
  context.handle(add, addGroup);
  const list = group
    .command("list")
    .description("all HA groups, or one of them")
    .argument("[hagroup]");
  context.handle(list, listGroups);
  const show = group.command("show").description("one HA group in full").argument("<hagroup>");
  context.handle(show, showGroup);
  const remove = group
    .command("remove")
    .description("delete a group; its nodes go on, in no group")
    .argument("<hagroup>");
  context.handle(remove, removeGroup);
  addMemberCommands(group, context);
}

function parseName(text: string): string {
  const parsed = nameSchema.safeParse(text);
  if (parsed.success) return parsed.data;
  // commander's way to refuse a value
  throw new InvalidArgumentError(parsed.error.issues.map(({ message }) => message).join("; "));
}

const addFlags = z.object({ jsonFile: z.string(), force: z.boolean().default(false) });

async function addGroup(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { jsonFile, force } = addFlags.parse(options);
  const read = await readHaGroupFile(jsonFile, values[0], session.io);
  if (!read.ok) return read;
  const { name, change } = read.value;
  const client = await session.client();
  if (!client.ok) return client;
  const before = await client.value.haGroup(name);
  if (!before.ok && before.error.code !== "not-found") return failOfApi(before.error);
  const answer = await client.value.putHaGroup(name, change, {
    fromOthers: force ? "move" : "refuse",
  });
  if (!answer.ok) return failOfApi(answer.error);
  const isSame = before.ok && before.value.revision === answer.value.revision;
  const changed = isSame ? "already like this" : "changed";
  session.print(
    answer.body,
    () => `HA group ${name} is ${before.ok ? changed : "added"}: ${membersText(answer.value)}\n`,
  );
  return done;
}

async function listGroups(session: Session, values: readonly string[]): Promise<Outcome> {
  if (values[0] !== undefined) return await showGroup(session, values);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.haGroups();
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => {
    const { items } = answer.value;
    if (items.length === 0) {
      return "no HA groups; begin with the template of: holdfast hagroup new\n";
    }
    return session.table(
      ["GROUP", "MEMBERS", "UPGRADING", "DESCRIPTION"],
      items.map((item) => [item.name, membersText(item), item.slot?.node ?? "-", item.description]),
    );
  });
  return done;
}

/** The nodes of a group; who is not there is told. */
function membersText({ members }: HaGroupResource): string {
  const names = members.map(({ node, isOnline }) => (isOnline ? node : `${node} (offline)`));
  return names.join(", ") || "no members";
}

async function showGroup(session: Session, values: readonly string[]): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.haGroup(argumentAt(values, 0));
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => describe(session, answer.value));
  return done;
}

function describe(session: Session, group: HaGroupResource): string {
  const { slot } = group;
  const offline = {
    continue: "upgrades go on, with a warning",
    wait: "upgrades wait for it",
  }[group.whenMembersOffline];
  const upgrading =
    slot === undefined
      ? "nobody"
      : `${slot.node}, since ${formatSpan(session.io.nowMs() - slot.sinceMs)}: ${slot.reason}`;
  const lines: [string, string][] = [
    ["group", group.name],
    ["description", group.description || "none"],
    ["members", membersText(group)],
    ["upgrading", upgrading],
    ["if a member is offline", offline],
    ["created", `${formatInstant(group.createdAtMs)} by ${group.owner}`],
    ["changed", formatInstant(group.updatedAtMs)],
    ["revision", String(group.revision)],
  ];
  return lines
    .map(
      ([name, value]) => `${session.colours.paint("bold", name.padEnd(22))}  ${oneLine(value)}\n`,
    )
    .join("");
}

async function removeGroup(session: Session, values: readonly string[]): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.removeHaGroup(name);
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body ?? { name }, () => `HA group ${name} is removed\n`);
  return done;
}
