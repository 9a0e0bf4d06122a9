/** `balancer config`: a configuration for other balancers; `balancer run`: one of its own in the foreground. */
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import * as z from "zod";
import type { ListedServer } from "../../balancer/config/backends.ts";
import { checkKinds, connectionsMaxDefault } from "../../balancer/config/balancer-settings.ts";
import {
  configKinds,
  followKinds,
  type WantedConfig,
  writeConfig,
} from "../../balancer/config/write-config.ts";
import { ok, type Result } from "../../core/result.ts";
import { type CommandContext, countOption, durationOption } from "../command-context.ts";
import { type Failure, fail, failOfApi, type Outcome, usage } from "../failure.ts";
import { parseDuration } from "../format/quantity.ts";
import { readConfigFile } from "../input/config-file.ts";
import { parseServers, readTokenFile } from "../input/connection.ts";
import { parseListen } from "../input/listen.ts";
import type { Session } from "../session.ts";
import { addRunFlags, logFields, logOptionsOf } from "./run-options.ts";

const listenDefault = "0.0.0.0:7440";
const dataDefault = "/var/lib/holdfast-balancer";
const drainMsDefault = 5_000;
const connectionRange = { min: 1, max: 1_000_000 };

const configSchema = z.object({
  for: z.enum(configKinds),
  servers: z.string().optional(),
  listen: z.string().default(listenDefault),
  check: z.enum(checkKinds).default("readyz"),
  authorityFile: z.string().optional(),
  connectionsMax: z.number().default(connectionsMaxDefault),
  address: z.string().optional(),
  interface: z.string().optional(),
  follows: z.enum(followKinds).default("server"),
  on: z.string().optional(),
  priority: z.number().optional(),
  routerId: z.number().optional(),
});
type ConfigFlags = z.output<typeof configSchema>;

const shared = {
  listen: z.string().optional(),
  check: z.enum(checkKinds).optional(),
  data: z.string().optional(),
  connectionsMax: z.int().min(connectionRange.min).max(connectionRange.max).optional(),
  ...logFields,
} as const;
const runSchema = z.object({
  ...shared,
  servers: z.string().optional(),
  drain: z.number().optional(),
  config: z.string().optional(),
});
const fileSchema = z.strictObject({
  ...shared,
  servers: z.array(z.string()).min(1).optional(),
  tokenFile: z.string().optional(),
  ca: z.string().optional(),
  drain: z
    .string()
    .transform((text, context) => {
      const value = parseDuration(text);
      if (value.ok) return value.value;
      context.addIssue({ code: "custom", message: value.error });
      return z.NEVER;
    })
    .optional(),
});

/** Hangs `balancer` into the program. */
export function addBalancerCommands(program: Command, context: CommandContext): void {
  const balancer = program
    .command("balancer")
    .description("a load balancer in front of the servers");
  addConfigCommand(balancer, context);
  addRunCommand(balancer, context);
}

function addConfigCommand(balancer: Command, context: CommandContext): void {
  const config = balancer
    .command("config")
    .description("print a configuration for the servers that there are now")
    .addOption(
      new Option("--for <program>", "whose configuration")
        .choices(configKinds)
        .makeOptionMandatory(),
    )
    .option("--servers <urls>", "these, parted by commas, instead of those that the cluster names")
    .option("--listen <host:port>", `where clients connect to (default: ${listenDefault})`)
    .addOption(checkOption())
    .option("--authority-file <path>", "on the balancer's machine: check servers' certificates")
    .addOption(connectionsOption())
    .option("--address <ip/bits>", "keepalived: the address that moves, e.g. 10.0.0.100/24")
    .option("--interface <name>", "keepalived: the network interface, e.g. eth0")
    .addOption(
      new Option(
        "--follows <what>",
        "keepalived: what has to be well on the address's machine (default: server)",
      ).choices(followKinds),
    )
    .option("--on <server>", "keepalived: id or name of the server whose machine the file is for")
    .addOption(
      countOption("--priority <n>", "keepalived: 1 to 254, the highest has the address first", {
        min: 1,
        max: 254,
      }),
    )
    .addOption(
      countOption(
        "--router-id <n>",
        "keepalived: the same on all machines (default: see --address)",
        {
          min: 1,
          max: 255,
        },
      ),
    )
    .addHelpText("after", configHelp);
  context.handle(config, (session, _values, options) => printConfig(session, options));
}

function checkOption(): Option {
  const words = "what makes a server well: its /readyz, or only a connection (default: readyz)";
  return new Option("--check <kind>", words).choices(checkKinds);
}

function connectionsOption(): Option {
  const words = `most connections at once (default: ${connectionsMaxDefault})`;
  return countOption("--connections-max <n>", words, connectionRange);
}

const configHelp = `
haproxy asks each server every second whether it is ready; nginx only notices that a connection fails.
keepalived needs --address and --interface, and one file for each machine: --on SERVER where it runs beside a server,
--follows balancer where it runs beside haproxy or holdfast balancer run (--listen says where that listens).
The servers' certificates must hold the balancer's name or address.`;

async function printConfig(session: Session, options: unknown): Promise<Outcome> {
  const flags = configSchema.parse(options);
  const listen = parseListen(flags.listen);
  if (!listen.ok) return listen;
  const wanted = wantedOf(flags);
  if (!wanted.ok) return wanted;
  const servers = await findServers(session, flags);
  if (!servers.ok) return servers;
  const { check, authorityFile, connectionsMax } = flags;
  const settings = { listen: listen.value, check, authorityFile, connectionsMax };
  const written = writeConfig(servers.value, wanted.value, settings);
  if (!written.ok) return usage(written.error);
  session.print({ for: flags.for, text: written.value }, () => written.value);
  return ok(0);
}

function wantedOf(flags: ConfigFlags): Result<WantedConfig, Failure> {
  const { for: kind, address, interface: interfaceName, follows, on, priority, routerId } = flags;
  if (kind !== "keepalived") return ok({ kind });
  if (address === undefined || interfaceName === undefined) {
    return usage(
      "keepalived needs to know which address moves, and where it is",
      "add --address IP/BITS --interface NAME",
    );
  }
  return ok({ kind, address, interfaceName, follows, on, priority, routerId });
}

/** Those that were named, else those that the cluster has. */
async function findServers(
  session: Session,
  flags: ConfigFlags,
): Promise<Result<readonly ListedServer[], Failure>> {
  if (flags.servers !== undefined) {
    const named = parseServers(flags.servers, "--servers");
    return named.ok ? ok(named.value.map((url) => ({ url }))) : named;
  }
  const client = await session.client();
  if (!client.ok) return client;
  const list = await client.value.servers();
  if (!list.ok) return failOfApi(list.error);
  const servers = list.value.items;
  if (servers.length > 0 && servers.every(({ url }) => url !== "")) return ok(servers);
  return fail(
    1,
    `${client.value.server} does not say where the servers are found`,
    "name them with --servers https://HOST:PORT,https://HOST:PORT",
  );
}

function addRunCommand(balancer: Command, context: CommandContext): void {
  const run = balancer
    .command("run")
    .description("run a TCP balancer until it is told to end (SIGTERM or Ctrl-C)")
    .option("--servers <urls>", "servers to begin with, parted by commas")
    .option("--listen <host:port>", `where clients connect to (default: ${listenDefault})`)
    .addOption(checkOption())
    .option("--data <folder>", `keeps the last list of servers (default: ${dataDefault})`)
    .addOption(connectionsOption())
    .addOption(
      durationOption(
        "--drain <duration>",
        "connections may go on so long at its end (default: 5s)",
      ),
    )
    .addHelpText("after", runHelp);
  addRunFlags(run, context.io.places.balancerConfigFile);
  context.handle(run, (session, _values, options) => runBalancer(session, options, context));
}

const runHelp = `
It asks each server every second whether it is ready; after two bad answers the server gets nothing, after three good
ones it is back. With --token-file, of a token that may read, the list of servers follows the cluster by itself; with
--ca servers must show a certificate of that authority.
Fields of the settings: servers, listen, check, data, connectionsMax, drain, tokenFile, ca, logFormat, logLevel.`;

async function runBalancer(
  session: Session,
  options: unknown,
  context: CommandContext,
): Promise<Outcome> {
  const flags = runSchema.parse(options);
  const read = await readConfigFile(
    flags.config ?? session.io.places.balancerConfigFile,
    fileSchema,
    flags.config === undefined ? "optional" : "required",
  );
  if (!read.ok) return read;
  const file = read.value;
  const listen = parseListen(flags.listen ?? file.listen ?? listenDefault);
  if (!listen.ok) return listen;
  const named = flags.servers ?? session.flags.server ?? file.servers?.join(",");
  const servers = named === undefined ? ok([]) : parseServers(named, "--servers");
  if (!servers.ok) return servers;
  const token = await findToken(session, file.tokenFile);
  if (!token.ok) return token;
  const { HOLDFAST_DATA: data, HOLDFAST_CA: environmentAuthority } = session.io.environment;
  const authority = session.flags.authority ?? environmentAuthority ?? file.ca;
  return context.roles.runBalancer(
    {
      listen: listen.value,
      servers: servers.value,
      token: token.value,
      authorityFile: authority === undefined ? undefined : resolve(authority),
      check: flags.check ?? file.check ?? "readyz",
      dataDirectory: flags.data ?? data ?? file.data ?? dataDefault,
      connectionsMax: flags.connectionsMax ?? file.connectionsMax ?? connectionsMaxDefault,
      drainMs: flags.drain ?? file.drain ?? drainMsDefault,
      log: logOptionsOf(session, flags, file),
    },
    session.io,
  );
}

/** Only one that was meant for it: an admin's token that lies on this machine is not. */
async function findToken(
  session: Session,
  configuredFile: string | undefined,
): Promise<Result<string | undefined, Failure>> {
  const { HOLDFAST_TOKEN: token, HOLDFAST_TOKEN_FILE: environmentFile } = session.io.environment;
  const flagFile = session.flags.tokenFile;
  if (flagFile === undefined && token !== undefined && token !== "") return ok(token.trim());
  const file = flagFile ?? environmentFile ?? configuredFile;
  return file === undefined ? ok(undefined) : readTokenFile(file, "--token-file");
}
