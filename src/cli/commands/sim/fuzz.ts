/** `sim fuzz`: random clusters with random faults, checked against the safety rules. */
import { type Command, InvalidArgumentError, Option } from "commander";
import * as z from "zod";
import { type CommandContext, countOption } from "../../command-context.ts";

const rangeSchema = z.object({ from: z.number(), to: z.number() });

const schema = z.object({
  seeds: rangeSchema.optional(),
  nodes: z.number().optional(),
  services: z.number().optional(),
  minutes: z.number().optional(),
  jobs: z.number().optional(),
  out: z.string().default("."),
});

const helpAfter = `
Each seed is a cluster of its own with faults and orders at random, and a calm at its end; all safety rules
(docs/safety.md of this package) are checked after every event. A seed that breaks one is printed with the rule, and the smallest
scenario that breaks it too is written as a file that sim run plays.
Without --seeds it begins anywhere and goes on until it is interrupted.
Exit codes: 0 every rule was kept, 1 one was broken.`;

/** Hangs `fuzz` into `sim`. */
export function addSimFuzz(sim: Command, context: CommandContext): void {
  const fuzz = sim
    .command("fuzz")
    .description("play random clusters with random faults against the safety rules")
    .addOption(
      new Option("--seeds <range>", "from..to, or one seed").argParser((text: string) => {
        const range = parseRange(text);
        if (range !== undefined) return range;
        throw new InvalidArgumentError("write 1..1000, or one number"); // commander's way to refuse a value
      }),
    )
    .addOption(
      countOption("--nodes <count>", "of each cluster (default: 1 to 7)", { min: 1, max: 50 }),
    )
    .addOption(
      countOption("--services <count>", "at the start (default: 1 to 25)", { min: 1, max: 500 }),
    )
    .addOption(
      countOption("--minutes <count>", "of simulated time for each seed (default: 30)", {
        min: 1,
        max: 10_000,
      }),
    )
    .addOption(
      countOption("--jobs <count>", "worker threads (default: one a core)", { min: 1, max: 256 }),
    )
    .option("--out <folder>", "where scenarios are written (default: here)")
    .addHelpText("after", helpAfter);
  context.handle(fuzz, async (session, _values, options) => {
    const { seeds, nodes, services, minutes, jobs, out } = schema.parse(options);
    const { runFuzz } = await import("../../fuzz/run-fuzz.ts");
    const begin = Math.floor(session.io.nowMs() / 1_000);
    return runFuzz(session, {
      range: seeds ?? { from: begin, to: Number.POSITIVE_INFINITY },
      plan: { nodes, services, minutes },
      jobs,
      outputFolder: out,
    });
  });
}

function parseRange(text: string): z.output<typeof rangeSchema> | undefined {
  const match = /^(\d{1,15})(?:\.\.(\d{1,15}))?$/.exec(text);
  if (match === null) return undefined;
  const from = Number(match[1]);
  const to = match[2] === undefined ? from : Number(match[2]);
  return to < from ? undefined : { from, to };
}
