/** `agent run`: the agent of this node in the foreground; `agent leave`: ask it to leave in an orderly way. */
import { type Command, Option } from "commander";
import * as z from "zod";
import { ok, type Result } from "../../core/result.ts";
import { nameSchema } from "../../wire/ids.ts";
import {
  type CommandContext,
  durationOption,
  numberOption,
  repeatedOption,
  sizeOption,
} from "../command-context.ts";
import type { Failure, Outcome } from "../failure.ts";
import { parseDuration, parseSize } from "../format/quantity.ts";
import { readConfigFile } from "../input/config-file.ts";
import { defaultServer, parseServers, readTokenFile } from "../input/connection.ts";
import { parseProperties } from "../input/properties.ts";
import type { AgentRunOptions } from "../roles.ts";
import type { Session } from "../session.ts";
import { haGroupOption } from "./fleet/ha-group-option.ts";
import { addRunFlags, logFields, logOptionsOf } from "./run-options.ts";

const isolations = ["auto", "namespace", "tracked"] as const;
const exits = ["keep", "stop"] as const;
const leavings = ["restart", "reboot", "power-off"] as const;
const propertySchema = z.union([z.string(), z.number(), z.boolean()]);

const shared = {
  data: z.string().optional(),
  tokenFile: z.string().optional(),
  watchdogDevice: z.string().optional(),
  isolate: z.enum(isolations).optional(),
  onExit: z.enum(exits).optional(),
  ...logFields,
} as const;
/** A value of the file that people write with its unit. */
function written(parse: (text: string) => Result<number, string>): z.ZodType<number | undefined> {
  return z
    .string()
    .transform((text, context) => {
      const value = parse(text);
      if (value.ok) return value.value;
      context.addIssue({ code: "custom", message: value.error });
      return z.NEVER;
    })
    .optional();
}
const fileSchema = z.strictObject({
  ...shared,
  cpuCores: z.number().positive().optional(),
  memory: written(parseSize),
  restartPatience: written(parseDuration),
  shutdownPatience: written(parseDuration),
  servers: z.array(z.string()).min(1).optional(),
  haGroup: nameSchema.optional(),
  properties: z.record(z.string(), propertySchema).optional(),
});
const flagsSchema = z.object({
  ...shared,
  config: z.string().optional(),
  haGroup: z.string().optional(),
  property: z.array(z.string()).optional(),
  cpuCores: z.number().optional(),
  memory: z.number().optional(),
  restartPatience: z.number().optional(),
  shutdownPatience: z.number().optional(),
});
const leaveSchema = z.object({
  for: z.enum(leavings),
  data: z.string().optional(),
  config: z.string().optional(),
});

type FileSettings = z.output<typeof fileSchema>;

/** Hangs `agent run` into the program. */
export function addAgentCommands(program: Command, context: CommandContext): void {
  const agent = program.command("agent").description("the agent of this machine");
  const run = agent
    .command("run")
    .description("run the agent until it is told to end (SIGTERM or Ctrl-C)");
  addRunOptions(run, context);
  context.handle(run, (session, _values, options) => runAgent(session, options, context));
  const launch = agent
    .command("launch")
    .description("run the agent under a launcher, so that policies can upgrade it");
  addRunOptions(launch, context);
  context.handle(launch, (session, _values, options) => launchAgent(session, options, context));
  addLeaveCommand(agent, context);
}

function addRunOptions(command: Command, context: CommandContext): void {
  command
    .option("--data <folder>", "where its data is (default: /var/lib/holdfast-agent)")
    .addOption(repeatedOption("--property <name=value>", "a label of this node (again for more)"))
    .addOption(haGroupOption("put the node into this HA group when it is registered first"))
    .option("--watchdog-device <path>", "also feed the kernel's watchdog, e.g. /dev/watchdog")
    .addOption(
      new Option("--isolate <how>", "how workloads are held together (default: auto)").choices(
        isolations,
      ),
    )
    .addOption(
      new Option("--on-exit <what>", "workloads at the agent's end (default: keep)").choices(exits),
    )
    .addOption(numberOption("--cpu-cores <n>", "cores for services (default: the machine's)"))
    .addOption(sizeOption("--memory <size>", "memory for services, e.g. 60G (default: all of it)"))
    .addOption(
      durationOption(
        "--restart-patience <duration>",
        "wait so long for services to be frozen before a restart (default: 5s)",
      ),
    )
    .addOption(
      durationOption(
        "--shutdown-patience <duration>",
        "wait so long for services to move or freeze before the node goes down (default: 90s)",
      ),
    )
    .addHelpText("after", runHelp);
  addRunFlags(command, context.io.places.agentConfigFile);
}

function addLeaveCommand(agent: Command, context: CommandContext): void {
  const { agentConfigFile } = context.io.places;
  const leave = agent
    .command("leave")
    .description("ask the agent that runs here to leave, and wait until it has")
    .addOption(
      new Option("--for <what>", "what comes next").choices(leavings).makeOptionMandatory(),
    )
    .option("--data <folder>", "the agent's data (default: /var/lib/holdfast-agent)")
    .option("--config <file>", `the agent's settings (default: ${agentConfigFile}, if it is there)`)
    .addHelpText("after", leaveHelp);
  context.handle(leave, (session, _values, options) => leaveAgent(session, options, context));
}

const leaveHelp = `
restart: services are frozen and run on unwatched until an agent is started again.
reboot, power-off: the cluster's shutdown policy says whether they are stopped, may run elsewhere, or move first.
Under systemd this happens by itself when the unit is stopped; docs/guide/start.md of this package has the unit.`;

/** What the command line calls a restart is the agent's: the node goes on. */
const leavingKindOf = {
  restart: "agent-restart",
  reboot: "reboot",
  "power-off": "power-off",
} as const;

async function leaveAgent(
  session: Session,
  options: unknown,
  context: CommandContext,
): Promise<Outcome> {
  const flags = leaveSchema.parse(options);
  const file = await readSettings(session, flags.config);
  if (!file.ok) return file;
  const dataDirectory = findData(session, flags.data, file.value);
  return context.roles.leaveAgent({ dataDirectory, kind: leavingKindOf[flags.for] }, session.io);
}

function readSettings(
  session: Session,
  config: string | undefined,
): Promise<Result<FileSettings, Failure>> {
  return readConfigFile(
    config ?? session.io.places.agentConfigFile,
    fileSchema,
    config === undefined ? "optional" : "required",
  );
}

function findData(session: Session, flag: string | undefined, file: FileSettings): string {
  const { HOLDFAST_DATA: data } = session.io.environment;
  return flag ?? data ?? file.data ?? "/var/lib/holdfast-agent";
}

const runHelp = `
--server takes several addresses, parted by commas: the agent goes to the next when one fails.
A node that has joined (holdfast node join) has a certificate and needs no token. Else --token-file names the node's
token: holdfast token create --node NAME --out FILE
With --on-exit keep the workloads run on after the agent's end, until an agent takes them over again or the
guard kills them at the lease's deadline. With --on-exit stop they are stopped, and others may start them at once.
When systemd stops the unit, services are frozen first, or the cluster's shutdown policy holds if the machine goes
down: see holdfast agent leave.`;

async function runAgent(
  session: Session,
  options: unknown,
  context: CommandContext,
): Promise<Outcome> {
  const found = await findRunOptions(session, options);
  return found.ok ? await context.roles.runAgent(found.value, session.io) : found;
}

/** What is wrong with its words is told at once, not by each start of the agent. */
async function launchAgent(
  session: Session,
  options: unknown,
  context: CommandContext,
): Promise<Outcome> {
  const found = await findRunOptions(session, options);
  return found.ok ? await context.roles.launchAgent(found.value, session.io) : found;
}

async function findRunOptions(
  session: Session,
  options: unknown,
): Promise<Result<AgentRunOptions, Failure>> {
  const flags = flagsSchema.parse(options);
  const read = await readSettings(session, flags.config);
  if (!read.ok) return read;
  const file = read.value;
  const servers = findServers(session, file);
  if (!servers.ok) return servers;
  const token = await findAgentToken(session, file);
  if (!token.ok) return token;
  const properties = parseProperties(flags.property ?? [], file.properties ?? {});
  if (!properties.ok) return properties;
  return ok({
    dataDirectory: findData(session, flags.data, file),
    servers: servers.value,
    token: token.value,
    properties: properties.value,
    haGroup: flags.haGroup ?? file.haGroup,
    watchdogDevice: flags.watchdogDevice ?? file.watchdogDevice,
    isolation: flags.isolate ?? file.isolate ?? "auto",
    onExit: flags.onExit ?? file.onExit ?? "keep",
    cpuCores: flags.cpuCores ?? file.cpuCores,
    memoryBytes: flags.memory ?? file.memory,
    restartPatienceMs: flags.restartPatience ?? file.restartPatience,
    shutdownPatienceMs: flags.shutdownPatience ?? file.shutdownPatience,
    log: logOptionsOf(session, flags, file),
  });
}

function findServers(session: Session, file: FileSettings): Result<string[], Failure> {
  const text = session.flags.server ?? session.io.environment["HOLDFAST_SERVER"];
  return parseServers(text ?? (file.servers ?? [defaultServer]).join(","), "--server");
}

/** Undefined: nobody names one, and the certificate with which its node has joined is to be there. */
async function findAgentToken(
  session: Session,
  file: FileSettings,
): Promise<Result<string | undefined, Failure>> {
  const { HOLDFAST_TOKEN: token, HOLDFAST_TOKEN_FILE: environmentFile } = session.io.environment;
  const flagFile = session.flags.tokenFile;
  if (flagFile === undefined && token !== undefined && token !== "") return ok(token.trim());
  const tokenFile = flagFile ?? environmentFile ?? file.tokenFile;
  if (tokenFile !== undefined) return readTokenFile(tokenFile, "--token-file");
  return ok(undefined);
}
