/** `sim`: clusters that are simulated, with the decisions that real ones make. */
import type { Command } from "commander";
import type { CommandContext } from "../../command-context.ts";
import { addSimFuzz } from "./fuzz.ts";
import { addPlay } from "./play.ts";
import { addSimRun } from "./run.ts";

/** Hangs `sim` into the program. */
export function addSimCommands(program: Command, context: CommandContext): void {
  const sim = program
    .command("sim")
    .description("simulated clusters: play with one, or run scenario files");
  addPlay(sim, context);
  addSimRun(sim, context);
  addSimFuzz(sim, context);
}
