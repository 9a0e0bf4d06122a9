/** `node join`: this machine becomes a node. */
import type { Command } from "commander";
import * as z from "zod";
import { parseNodeId } from "../../../core/ids.ts";
import { type CommandContext, repeatedOption } from "../../command-context.ts";
import { type Outcome, usage } from "../../failure.ts";
import { joinWordsOf } from "../../input/join-words.ts";
import { parseProperties } from "../../input/properties.ts";
import type { Session } from "../../session.ts";
import { haGroupOption } from "../fleet/ha-group-option.ts";
import { shortHostName } from "./init.ts";

const flagsSchema = z.object({
  caHash: z.string(),
  haGroup: z.string().optional(),
  data: z.string().optional(),
  name: z.string().optional(),
  property: z.array(z.string()).default([]),
  taint: z.array(z.string()).default([]),
  units: z.boolean().default(true),
});

/** Hangs `node join` below `node`. */
export function addNodeJoin(node: Command, context: CommandContext): void {
  const join = node
    .command("join")
    .description("make this machine a node; the command comes from holdfast join-script")
    .argument("<addresses>", "of servers, parted by commas")
    .requiredOption("--ca-hash <sha256:...>", "of the authority's key")
    .option("--data <folder>", "where its data is (default: /var/lib/holdfast-agent)")
    .option("--name <name>", "its name (default: the machine's)")
    .addOption(repeatedOption("--property <name=value>", "a label of this node (again for more)"))
    .addOption(repeatedOption("--taint <name>", "only services that tolerate it come here"))
    .addOption(haGroupOption("put the node into this HA group as it joins"))
    .option("--no-units", "do not let systemd start it")
    .addHelpText("after", "\nThe token is in the environment: HOLDFAST_JOIN_TOKEN");
  context.handle(join, (session, values, options) => joinNode(session, values, options, context));
}

async function joinNode(
  session: Session,
  values: readonly string[],
  options: unknown,
  context: CommandContext,
): Promise<Outcome> {
  const flags = flagsSchema.parse(options);
  const words = joinWordsOf(session, values, flags.caHash);
  if (!words.ok) return words;
  const name = parseNodeId(flags.name ?? shortHostName().toLowerCase());
  if (!name.ok) return usage(`--name: ${name.error}`);
  const properties = parseProperties(flags.property, {});
  if (!properties.ok) return properties;
  const { HOLDFAST_DATA: data } = session.io.environment;
  return await context.roles.joinNode(
    {
      ...words.value,
      dataDirectory: flags.data ?? data ?? "/var/lib/holdfast-agent",
      name: name.value,
      properties: properties.value,
      taints: flags.taint,
      haGroup: flags.haGroup,
      units: flags.units ? "install" : "leave",
    },
    session.io,
  );
}
