/** `sim run`: plays scenario files and tells the story, or prints the trace. */
import type { Command } from "commander";
import * as z from "zod";
import { type CommandContext, durationOption } from "../../command-context.ts";

const schema = z.object({
  trace: z.boolean().default(false),
  seed: z.number().optional(),
  until: z.number().optional(),
});

const helpAfter = `
A scenario is a YAML file with nodes, services and steps. In the folder of this package docs/simulator.md describes it,
and examples/scenarios/ has some. Recorded scenarios in JSON are read too. All safety rules are checked after every event.
Exit codes: 0 told to the end, 1 a safety rule was broken, 2 a file has faults (nothing was run).`;

/** Hangs `run` into `sim`. */
export function addSimRun(sim: Command, context: CommandContext): void {
  const run = sim
    .command("run")
    .description("play scenario files and tell what happens and why")
    .argument("<file...>", "scenario files; - is standard input")
    .option("--trace", "print the trace, one JSON object a line, and nothing else")
    .addOption(durationOption("--until <time>", "play to this time, instead of the file's"))
    .addHelpText("after", helpAfter);
  context.handle(run, async (session, values, options) => {
    const { runScenarios } = await import("../../scenario/run-scenarios.ts");
    // --seed is a flag of sim, for playing and for running alike.
    return runScenarios(session, values, schema.parse({ ...sim.opts(), ...Object(options) }));
  });
}
