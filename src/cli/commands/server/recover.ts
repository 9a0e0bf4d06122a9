/** `server recover`: the quorum is lost for good; make a cluster of one from what this server holds. */
import type { Command } from "commander";
import * as z from "zod";
import type { CommandContext } from "../../command-context.ts";

const flagsSchema = z.object({ data: z.string().optional(), yes: z.boolean().default(false) });

/** Hangs `server recover` below `server`. */
export function addServerRecover(server: Command, context: CommandContext): void {
  const recover = server
    .command("recover")
    .description("after the loss of most servers: make a cluster of one from this one's data")
    .option("--data <folder>", "where its data is (default: /var/lib/holdfast)")
    .option("--yes", "do not ask")
    .addHelpText("after", recoverHelp);
  context.handle(recover, (session, _values, options) => {
    const { data, yes } = flagsSchema.parse(options);
    const { HOLDFAST_DATA: fromEnvironment } = session.io.environment;
    const dataDirectory = data ?? fromEnvironment ?? "/var/lib/holdfast";
    return context.roles.recoverServer({ dataDirectory, assumeYes: yes }, session.io);
  });
}

const recoverHelp = `
Stop the server first. It shows what this server knows, and asks. What the others had written and this one had not yet
seen is lost. The other servers must never come back with their old data: empty their data directories, join them anew.`;
