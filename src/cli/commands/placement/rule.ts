/** `rule ...`: on which nodes services may run, and with or without which others. */
import { type Command, Option } from "commander";
import * as z from "zod";
import type { Client } from "../../../client/client.ts";
import type { RuleResource } from "../../../wire/api.ts";
import { affinities, type RuleConfig, ruleSchema, ruleTypes } from "../../../wire/placement.ts";
import { argumentAt, type CommandContext, repeatedOption } from "../../command-context.ts";
import { done, failOfApi, type Outcome, usage } from "../../failure.ts";
import { oneLine } from "../../format/text-width.ts";
import type { Draft } from "../../input/draft.ts";
import type { Session } from "../../session.ts";
import { addUnsetOption, checkFields, nodesOption, parseNodes } from "./flags.ts";
import { inForceText, nodesText } from "./group.ts";

const examples = `
Examples:
  holdfast rule add api-place --type node-affinity --service process:api --node node1:2 --node node2
  holdfast rule add apart --type resource-affinity --affinity negative --service process:a --service process:b`;

/** Hangs `rule` and its verbs into the program. */
export function addRuleCommands(program: Command, context: CommandContext): void {
  const rule = program.command("rule").description("where services may run, and with whom");
  context.handle(rule.command("list").description("all rules, and which are in force"), listRules);
  const show = rule.command("show").description("one rule in full").argument("<rule>");
  context.handle(show, showRule);
  const add = rule
    .command("add")
    .description("add a rule; one that contradicts another is refused")
    .argument("<rule>")
    .addHelpText("after", examples);
  add.addOption(
    new Option("--type <type>", "of the rule").choices(ruleTypes).makeOptionMandatory(),
  );
  addFields(add);
  context.handle(add, addRule);
  const set = rule
    .command("set")
    .description("change a rule; --service and --node replace all that it names")
    .argument("<rule>");
  addFields(set);
  addUnsetOption(set, ["strict"]);
  context.handle(set, setRule);
  const switches = { enable: "put a rule into force again", disable: "keep a rule without effect" };
  for (const [verb, words] of Object.entries(switches)) {
    const command = rule.command(verb).description(words).argument("<rule>");
    context.handle(command, (session, values) =>
      changeRule(session, argumentAt(values, 0), { disabled: verb === "disable" }),
    );
  }
  const remove = rule.command("remove").description("delete a rule").argument("<rule>");
  context.handle(remove, removeRule);
}

function addFields(command: Command): void {
  command
    .addOption(repeatedOption("--service <service>", "a service (again for more)"))
    .addOption(nodesOption())
    .option("--strict", "of node-affinity: its services run nowhere else")
    .addOption(
      new Option(
        "--affinity <affinity>",
        "of resource-affinity: all on one node, or each on another",
      ).choices(affinities),
    );
}

async function listRules(session: Session): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.rules();
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => {
    const { items } = answer.value;
    if (items.length === 0) return "no rules; see how to add one with: holdfast rule add --help\n";
    return session.table(
      ["RULE", "KIND", "SERVICES", "NODES", "IN FORCE"],
      items.map((item) => [
        item.name,
        kindText(item.config),
        item.config.services.join(", "),
        item.config.type === "node-affinity" ? nodesText(item.config) : "-",
        inForceText(item),
      ]),
    );
  });
  return done;
}

function kindText(config: RuleConfig): string {
  if (config.type === "resource-affinity") return `${config.affinity} resource-affinity`;
  return config.strict ? "strict node-affinity" : "node-affinity";
}

async function showRule(session: Session, values: readonly string[]): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.rule(argumentAt(values, 0));
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => describe(session, answer.value));
  return done;
}

function describe(session: Session, rule: RuleResource): string {
  const { config } = rule;
  const lines: [string, string][] = [
    ["rule", rule.name],
    ["kind", kindText(config)],
    ["services", config.services.join(", ")],
    ...(config.type === "node-affinity"
      ? [["nodes", nodesText(config)] satisfies [string, string]]
      : []),
    ["in force", inForceText(rule)],
    ["revision", String(rule.revision)],
  ];
  return lines
    .map(
      ([name, value]) => `${session.colours.paint("bold", name.padEnd(10))}  ${oneLine(value)}\n`,
    )
    .join("");
}

const flagsSchema = z.object({
  type: z.enum(ruleTypes).optional(),
  service: z.array(z.string()).optional(),
  node: z.array(z.string()).optional(),
  strict: z.boolean().optional(),
  affinity: z.enum(affinities).optional(),
  unset: z.array(z.string()).optional(),
});

/** The fields that flags name, ready to be checked. */
function fieldsOf(options: unknown): { readonly ok: true; readonly value: Draft } | Failed {
  const { service, node, unset = [], ...fields } = flagsSchema.parse(options);
  const nodes = node === undefined ? undefined : parseNodes(node);
  if (nodes?.ok === false) return nodes;
  const value = {
    ...Object.fromEntries(unset.map((field) => [field, false])),
    ...fields,
    ...(service === undefined ? {} : { services: service }),
    ...(nodes === undefined ? {} : { nodes: nodes.value }),
  };
  return { ok: true, value };
}

type Failed = Extract<Outcome, { ok: false }>;

async function addRule(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const fields = fieldsOf(options);
  if (!fields.ok) return fields;
  const rule = checkFields(ruleSchema, { name, ...fields.value });
  if (!rule.ok) return rule;
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.putRule(rule.value, "new");
  if (!answer.ok) {
    const failed = failOfApi(answer.error);
    if (answer.error.code !== "changed-meanwhile") return failed;
    const hint = `change it with: holdfast rule set ${name}`;
    return { ok: false, error: { ...failed.error, what: `rule "${name}" exists already`, hint } };
  }
  session.print(
    answer.body,
    () => `rule ${name} is added; see what it means with: holdfast why ${rule.value.services[0]}\n`,
  );
  return done;
}

async function setRule(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const fields = fieldsOf(options);
  if (!fields.ok) return fields;
  if (Object.keys(fields.value).length === 0) {
    return usage("nothing to set is given", "see the flags with: holdfast rule set --help");
  }
  return changeRule(session, argumentAt(values, 0), fields.value);
}

async function changeRule(session: Session, name: string, change: Draft): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  return await sendChange(session, client.value, name, change);
}

async function sendChange(
  session: Session,
  client: Client,
  name: string,
  change: Draft,
): Promise<Outcome> {
  const current = await client.rule(name);
  if (!current.ok) return failOfApi(current.error);
  const rule = checkFields(ruleSchema, { ...current.value.config, ...change });
  if (!rule.ok) return rule;
  const answer = await client.putRule(rule.value, current.value.revision);
  if (!answer.ok) return failOfApi(answer.error);
  const word = answer.value.revision === current.value.revision ? "already like this" : "changed";
  session.print(
    answer.body,
    () => `rule ${name} is ${word}; in force: ${inForceText(answer.value)}\n`,
  );
  return done;
}

async function removeRule(session: Session, values: readonly string[]): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.removeRule(name);
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body ?? { name }, () => `rule ${name} is removed\n`);
  return done;
}
