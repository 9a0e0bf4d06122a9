/** `sim` without more words: a cluster to play with, in the terminal or from a pipe. */
import type { Command } from "commander";
import * as z from "zod";
import { type CommandContext, countOption } from "../../command-context.ts";

const schema = z.object({ seed: z.number().default(1) });

const helpAfter = `
Without a command: three nodes and six services to play with. On a terminal ? shows all keys. From a pipe, commands
are played line by line:

  printf 'run 10s\\npower node1 off\\nrun 20s\\nshow\\n' | holdfast sim

The line help lists them.`;

/** Makes playing what `sim` does by itself. */
export function addPlay(sim: Command, context: CommandContext): void {
  sim
    .enablePositionalOptions() // a flag behind a command is that command's
    .addOption(
      countOption("--seed <number>", "of every chance in it (default: 1, or the scenario's)"),
    )
    .allowExcessArguments(false)
    .addHelpText("after", helpAfter);
  context.handle(sim, async (session, _values, options) => {
    const { runPlay } = await import("../../play/run-play.ts");
    return runPlay(session, schema.parse(options));
  });
}
