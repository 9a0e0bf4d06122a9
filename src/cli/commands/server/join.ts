/** `server join`: this machine becomes another server. */
import type { Command } from "commander";
import * as z from "zod";
import type { CommandContext } from "../../command-context.ts";
import type { Outcome } from "../../failure.ts";
import { joinWordsOf } from "../../input/join-words.ts";
import type { Session } from "../../session.ts";
import { addPlaceFlags, defaultPort, firstAddress, shortHostName } from "./init.ts";
import { addOfficeFlags, officeFields, officeWishes } from "./office-flags.ts";

const flagsSchema = z.object({
  caHash: z.string(),
  data: z.string().optional(),
  name: z.string().optional(),
  host: z.string().optional(),
  port: z.number().default(defaultPort),
  units: z.boolean().default(true),
  ...officeFields,
});

/** Hangs `server join` below `server`. */
export function addServerJoin(server: Command, context: CommandContext): void {
  const join = server
    .command("join")
    .description("make this machine another server; the command comes from holdfast join-script")
    .argument("<addresses>", "of servers, parted by commas")
    .requiredOption("--ca-hash <sha256:...>", "of the authority's key")
    .addHelpText("after", "\nThe token is in the environment: HOLDFAST_JOIN_TOKEN");
  addPlaceFlags(join);
  addOfficeFlags(join);
  context.handle(join, (session, values, options) => joinServer(session, values, options, context));
}

async function joinServer(
  session: Session,
  values: readonly string[],
  options: unknown,
  context: CommandContext,
): Promise<Outcome> {
  const flags = flagsSchema.parse(options);
  const words = joinWordsOf(session, values, flags.caHash);
  if (!words.ok) return words;
  const office = officeWishes(session, flags);
  if (!office.ok) return office;
  const { HOLDFAST_DATA: data } = session.io.environment;
  return await context.roles.joinServer(
    {
      ...words.value,
      dataDirectory: flags.data ?? data ?? "/var/lib/holdfast",
      name: flags.name ?? shortHostName(),
      host: flags.host ?? firstAddress(),
      port: flags.port,
      units: flags.units ? "install" : "leave",
      office: office.value,
    },
    session.io,
  );
}
