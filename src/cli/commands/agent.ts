/** `agent run`: the agent of this node in the foreground. */
import { type Command, Option } from "commander";
import * as z from "zod";
import { ok, type Result } from "../../core/result.ts";
import { type CommandContext, repeatedOption } from "../command-context.ts";
import { type Failure, type Outcome, usage } from "../failure.ts";
import { readConfigFile } from "../input/config-file.ts";
import { defaultServer, parseServer, readTokenFile } from "../input/connection.ts";
import type { Session } from "../session.ts";
import { addRunFlags, logFields, logOptionsOf } from "./run-options.ts";

const isolations = ["auto", "namespace", "tracked"] as const;
const exits = ["keep", "stop"] as const;
const propertySchema = z.union([z.string(), z.number(), z.boolean()]);

const shared = {
  data: z.string().optional(),
  tokenFile: z.string().optional(),
  watchdogDevice: z.string().optional(),
  isolate: z.enum(isolations).optional(),
  onExit: z.enum(exits).optional(),
  ...logFields,
} as const;
const fileSchema = z.strictObject({
  ...shared,
  servers: z.array(z.string()).min(1).optional(),
  properties: z.record(z.string(), propertySchema).optional(),
});
const flagsSchema = z.object({
  ...shared,
  config: z.string().optional(),
  property: z.array(z.string()).optional(),
});

type FileSettings = z.output<typeof fileSchema>;

/** Hangs `agent run` into the program. */
export function addAgentCommands(program: Command, context: CommandContext): void {
  const agent = program.command("agent").description("the agent of this machine");
  const run = agent
    .command("run")
    .description("run the agent until it is told to end (SIGTERM or Ctrl-C)")
    .option("--data <folder>", "where its data is (default: /var/lib/holdfast-agent)")
    .addOption(repeatedOption("--property <name=value>", "a label of this node (again for more)"))
    .option("--watchdog-device <path>", "also feed the kernel's watchdog, e.g. /dev/watchdog")
    .addOption(
      new Option("--isolate <how>", "how workloads are held together (default: auto)").choices(
        isolations,
      ),
    )
    .addOption(
      new Option("--on-exit <what>", "workloads at the agent's end (default: keep)").choices(exits),
    )
    .addHelpText("after", runHelp);
  addRunFlags(run, context.io.places.agentConfigFile);
  context.handle(run, (session, _values, options) => runAgent(session, options, context));
}

const runHelp = `
--server takes several addresses, parted by commas: the agent goes to the next when one fails.
--token-file names the node's token: holdfast token create --node NAME --out FILE
With --on-exit keep the workloads run on after the agent's end, until an agent takes them over again or the
guard kills them at the lease's deadline. With --on-exit stop they are stopped, and others may start them at once.`;

async function runAgent(
  session: Session,
  options: unknown,
  context: CommandContext,
): Promise<Outcome> {
  const flags = flagsSchema.parse(options);
  const read = await readConfigFile(
    flags.config ?? session.io.places.agentConfigFile,
    fileSchema,
    flags.config === undefined ? "optional" : "required",
  );
  if (!read.ok) return read;
  const file = read.value;
  const servers = findServers(session, file);
  if (!servers.ok) return servers;
  const token = await findAgentToken(session, file);
  if (!token.ok) return token;
  const properties = findProperties(flags.property ?? [], file);
  if (!properties.ok) return properties;
  const { HOLDFAST_DATA: data } = session.io.environment;
  return context.roles.runAgent(
    {
      dataDirectory: flags.data ?? data ?? file.data ?? "/var/lib/holdfast-agent",
      servers: servers.value,
      token: token.value,
      properties: properties.value,
      watchdogDevice: flags.watchdogDevice ?? file.watchdogDevice,
      isolation: flags.isolate ?? file.isolate ?? "auto",
      onExit: flags.onExit ?? file.onExit ?? "keep",
      log: logOptionsOf(session, flags, file),
    },
    session.io,
  );
}

function findServers(session: Session, file: FileSettings): Result<string[], Failure> {
  const text = session.flags.server ?? session.io.environment["HOLDFAST_SERVER"];
  const addresses = text?.split(",").map((part) => part.trim()) ?? file.servers ?? [defaultServer];
  const servers: string[] = [];
  for (const address of addresses) {
    const server = parseServer(address, "--server");
    if (!server.ok) return server;
    servers.push(server.value);
  }
  return ok(servers);
}

async function findAgentToken(
  session: Session,
  file: FileSettings,
): Promise<Result<string, Failure>> {
  const { HOLDFAST_TOKEN: token, HOLDFAST_TOKEN_FILE: environmentFile } = session.io.environment;
  const flagFile = session.flags.tokenFile;
  if (flagFile === undefined && token !== undefined && token !== "") return ok(token.trim());
  const tokenFile = flagFile ?? environmentFile ?? file.tokenFile;
  if (tokenFile !== undefined) return readTokenFile(tokenFile, "--token-file");
  return usage(
    "the agent has no token",
    "make one with: holdfast token create --node NAME --out FILE, and give it with --token-file FILE",
  );
}

function findProperties(
  lines: readonly string[],
  file: FileSettings,
): Result<Record<string, string | number | boolean>, Failure> {
  const properties: Record<string, string | number | boolean> = { ...file.properties };
  for (const line of lines) {
    const equals = line.indexOf("=");
    if (equals < 1) return usage(`--property: "${line}" has no name and "="`, "write NAME=VALUE");
    properties[line.slice(0, equals)] = line.slice(equals + 1);
  }
  return ok(properties);
}
