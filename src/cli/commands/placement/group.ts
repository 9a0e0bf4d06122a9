/** `group ...`: named lists of nodes that services refer to. */
import type { Command } from "commander";
import * as z from "zod";
import type { GroupResource } from "../../../wire/api.ts";
import { type GroupConfig, groupSchema } from "../../../wire/placement.ts";
import { argumentAt, type CommandContext } from "../../command-context.ts";
import { done, failOfApi, type Outcome, usage } from "../../failure.ts";
import { oneLine } from "../../format/text-width.ts";
import type { Draft } from "../../input/draft.ts";
import type { Session } from "../../session.ts";
import { addUnsetOption, checkFields, nodesOption, parseNodes } from "./flags.ts";

const examples = `
Example:
  holdfast group add left-rack --node node1:2 --node node2 --restricted
  holdfast service set process:api --group left-rack`;

/** Hangs `group` and its verbs into the program. */
export function addGroupCommands(program: Command, context: CommandContext): void {
  const group = program.command("group").description("named lists of nodes for services");
  context.handle(group.command("list").description("all placement groups"), listGroups);
  const show = group.command("show").description("one group in full").argument("<group>");
  context.handle(show, showGroup);
  const add = group
    .command("add")
    .description("add a group; services join it with: holdfast service set ID --group NAME")
    .argument("<group>")
    .addHelpText("after", examples);
  addFields(add);
  context.handle(add, addGroup);
  const set = group
    .command("set")
    .description("change a group; --node replaces all its nodes")
    .argument("<group>");
  addFields(set);
  addUnsetOption(set, ["restricted", "nofailback"]);
  context.handle(set, setGroup);
  const remove = group
    .command("remove")
    .description("delete a group that no service refers to")
    .argument("<group>");
  context.handle(remove, removeGroup);
}

function addFields(command: Command): void {
  command
    .addOption(nodesOption())
    .option("--restricted", "its services run nowhere else")
    .option("--nofailback", "its services stay where they are when a better node comes back");
}

async function listGroups(session: Session): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.groups();
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => {
    const { items } = answer.value;
    if (items.length === 0) return "no groups; add one with: holdfast group add NAME --node NODE\n";
    return session.table(
      ["GROUP", "NODES", "OPTIONS", "SERVICES", "IN FORCE"],
      items.map((item) => [
        item.name,
        nodesText(item.config),
        optionsText(item.config),
        String(item.services.length),
        inForceText(item),
      ]),
    );
  });
  return done;
}

/** Nodes with their priorities, as the flag `--node` takes them. */
export function nodesText(config: { readonly nodes: GroupConfig["nodes"] }): string {
  return config.nodes
    .map(({ node, priority }) => (priority === 0 ? node : `${node}:${priority}`))
    .join(", ");
}

function optionsText({ restricted, nofailback }: GroupConfig): string {
  const words = [...(restricted ? ["restricted"] : []), ...(nofailback ? ["nofailback"] : [])];
  return words.join(", ") || "-";
}

/** Whether it is in force, and else why not. */
export function inForceText(item: {
  readonly inForce: boolean;
  readonly because?: string | undefined;
}): string {
  return item.inForce ? "yes" : `no: ${item.because ?? ""}`;
}

async function showGroup(session: Session, values: readonly string[]): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.group(argumentAt(values, 0));
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => describe(session, answer.value));
  return done;
}

function describe(session: Session, group: GroupResource): string {
  const lines: [string, string][] = [
    ["group", group.name],
    ["nodes", nodesText(group.config)],
    ["options", optionsText(group.config)],
    ["services", group.services.join(", ") || "none"],
    ["in force", inForceText(group)],
    ["revision", String(group.revision)],
  ];
  return lines
    .map(
      ([name, value]) => `${session.colours.paint("bold", name.padEnd(10))}  ${oneLine(value)}\n`,
    )
    .join("");
}

const flagsSchema = z.object({
  node: z.array(z.string()).optional(),
  restricted: z.boolean().optional(),
  nofailback: z.boolean().optional(),
  unset: z.array(z.string()).optional(),
});

async function addGroup(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const { node = [], restricted, nofailback } = flagsSchema.parse(options);
  if (node.length === 0) return usage("a group needs a node", "add --node NAME, or more of them");
  const nodes = parseNodes(node);
  if (!nodes.ok) return nodes;
  const group = checkFields(groupSchema, { name, nodes: nodes.value, restricted, nofailback });
  if (!group.ok) return group;
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.putGroup(group.value, "new");
  if (!answer.ok) {
    const failed = failOfApi(answer.error);
    if (answer.error.code !== "changed-meanwhile") return failed;
    const hint = `change it with: holdfast group set ${name}`;
    return { ok: false, error: { ...failed.error, what: `group "${name}" exists already`, hint } };
  }
  session.print(
    answer.body,
    () =>
      `group ${name} is added; services join it with: holdfast service set ID --group ${name}\n`,
  );
  return done;
}

async function setGroup(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const { node, unset = [], ...wishes } = flagsSchema.parse(options);
  const nodes = node === undefined ? undefined : parseNodes(node);
  if (nodes?.ok === false) return nodes;
  const client = await session.client();
  if (!client.ok) return client;
  const current = await client.value.group(name);
  if (!current.ok) return failOfApi(current.error);
  const draft: Draft = {
    ...current.value.config,
    ...Object.fromEntries(unset.map((field) => [field, false])),
    ...wishes,
    ...(nodes === undefined ? {} : { nodes: nodes.value }),
  };
  const group = checkFields(groupSchema, draft);
  if (!group.ok) return group;
  const answer = await client.value.putGroup(group.value, current.value.revision);
  if (!answer.ok) return failOfApi(answer.error);
  const word = answer.value.revision === current.value.revision ? "already like this" : "changed";
  session.print(answer.body, () => `group ${name} is ${word}\n`);
  return done;
}

async function removeGroup(session: Session, values: readonly string[]): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.removeGroup(name);
  if (!answer.ok) {
    const failed = failOfApi(answer.error);
    if (answer.error.code !== "refused") return failed;
    const hint = "take it from them first with: holdfast service set ID --unset group";
    return { ok: false, error: { ...failed.error, hint } };
  }
  session.print(answer.body ?? { name }, () => `group ${name} is removed\n`);
  return done;
}
