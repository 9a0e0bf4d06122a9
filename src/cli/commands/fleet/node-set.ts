/** `node set`: what people say a node is, and what it asks of deployments. */
import type { Command } from "commander";
import * as z from "zod";
import type { NodeChange } from "../../../wire/fleet/resources.ts";
import { argumentAt, type CommandContext, repeatedOption } from "../../command-context.ts";
import { done, failOfApi, type Outcome, usage } from "../../failure.ts";
import { parseSetProperties } from "../../input/properties.ts";
import type { Session } from "../../session.ts";
import { addUnknownPropertiesFlag, unknownPropertiesOf } from "./fleet-flags.ts";

const examples = `
Values are read as they look: true and false, numbers, [a, b] for a list, everything else is text. Quotes make it a
text: --property 'floor="3"'. What Holdfast itself says cannot be set: node, architecture, cores, memoryBytes,
hostname, agentVersion.

Examples:
  holdfast node set node1 --property zone=berlin --property gpu=true --remove-property rack
  holdfast node set node1 --constraint 'version >= 2.0.0 AND NOT experimental == true'`;

const flagsSchema = z.object({
  property: z.array(z.string()).default([]),
  removeProperty: z.array(z.string()).default([]),
  constraint: z.string().optional(),
  removeConstraint: z.boolean().default(false),
});

/** Hangs `node set` below `node`. */
export function addNodeSet(node: Command, context: CommandContext): void {
  const set = node
    .command("set")
    .description("set properties of a node, and what it asks of deployments")
    .argument("<node>")
    .addOption(repeatedOption("--property <name=value>", "set a property (again for more)"))
    .addOption(repeatedOption("--remove-property <name>", "take one away (again for more)"))
    .option("--constraint <expression>", "what it asks of deployments and their services")
    .option("--remove-constraint", "it asks for nothing")
    .addHelpText("after", examples);
  addUnknownPropertiesFlag(set);
  context.handle(set, setNode);
}

async function setNode(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const { property, removeProperty, constraint, removeConstraint } = flagsSchema.parse(options);
  const set = parseSetProperties(property);
  if (!set.ok) return set;
  const both = removeProperty.find((removed) => Object.hasOwn(set.value, removed));
  if (both !== undefined) return usage(`--remove-property ${both}: it is set, too`);
  if (constraint !== undefined && removeConstraint) {
    return usage("--constraint and --remove-constraint are given both");
  }
  const asked = removeConstraint ? null : constraint;
  const properties = {
    ...set.value,
    ...Object.fromEntries(removeProperty.map((each) => [each, null])),
  };
  if (Object.keys(properties).length === 0 && asked === undefined) {
    return usage("nothing is to be set", "give --property NAME=VALUE or --constraint EXPRESSION");
  }
  const change: NodeChange = {
    setProperties: properties,
    ...(asked === undefined ? {} : { constraint: asked }),
  };
  const client = await session.client();
  if (!client.ok) return client;
  const wish = { unknownProperties: unknownPropertiesOf(options) };
  const answer = await client.value.changeNode(name, change, wish);
  if (!answer.ok) return failOfApi(answer.error);
  session.print(
    answer.body,
    () =>
      `${name} is set; see which deployments fit with: holdfast check DEPLOYMENT --node ${name}\n`,
  );
  return done;
}
