/** `demo`: a small cluster on this machine, to see a failover in a minute, and to cut the power of its nodes. */
import { type Command, Option } from "commander";
import * as z from "zod";
import { profileNames } from "../../wire/settings.ts";
import { argumentAt, type CommandContext, countOption } from "../command-context.ts";

const schema = z.object({
  once: z.boolean().default(false),
  profile: z.enum(profileNames),
  port: z.number().default(7440),
  keepFiles: z.boolean().default(false),
});

/** Hangs `demo` into the program. */
export function addDemoCommand(program: Command, context: CommandContext): void {
  const demo = program
    .command("demo")
    .description("a cluster of one server and three agents on this machine; Ctrl-C ends all of it")
    .option("--once", "kill a node, wait for the recovery, print one line of JSON and end")
    .addOption(new Option("--profile <profile>", "its times").choices(profileNames).default("fast"))
    .addOption(countOption("--port <port>", "of the API, if it is free (default: 7440)"))
    .option("--keep-files", "leave data and logs where they are at the end");
  context.handle(demo, (session, _values, options) => {
    const { once, profile, port, keepFiles } = schema.parse(options);
    const mode = once ? "once" : "live";
    const files = keepFiles ? "keep" : "remove";
    return context.roles.runDemo({ mode, profile, port, files }, session.io);
  });
  for (const power of ["off", "on"] as const) {
    const order = demo
      .command(`power-${power}`)
      .description(powerWords[power])
      .argument("<node>", "node1, node2 or node3");
    context.handle(order, (session, values) =>
      context.roles.orderDemo({ power, node: argumentAt(values, 0) }, session.io),
    );
  }
}

const powerWords = {
  off: "cut the power of a node of the demo that runs: all its processes are killed at once",
  on: "give it back: its agent starts again",
} as const;
