/** `server init`: the first server of a control plane, or the move of the one that is here to etcd. */
import { hostname, networkInterfaces } from "node:os";
import type { Command } from "commander";
import * as z from "zod";
import { ok, type Result } from "../../../core/result.ts";
import { hostAndPortSchema } from "../../../wire/servers.ts";
import type { CommandContext } from "../../command-context.ts";
import { countOption } from "../../command-context.ts";
import { type Failure, type Outcome, usage } from "../../failure.ts";
import { parseServers } from "../../input/connection.ts";
import type { ServerInitOptions } from "../../roles.ts";
import type { Session } from "../../session.ts";
import { addOfficeFlags, officeFields, officeWishes } from "./office-flags.ts";

const portRange = { min: 1, max: 65_533 };
/** Of the API; the store's member has the next two. */
export const defaultPort = 7440;

const flagsSchema = z.object({
  ha: z.boolean().default(false),
  etcd: z.string().optional(),
  etcdCa: z.string().optional(),
  etcdCert: z.string().optional(),
  etcdKey: z.string().optional(),
  loadBalancer: z.string().optional(),
  isolate: z.boolean().default(false),
  data: z.string().optional(),
  name: z.string().optional(),
  host: z.string().optional(),
  port: z.number().default(defaultPort),
  units: z.boolean().default(true),
  ...officeFields,
});

/** Hangs `server init` below `server`. */
export function addServerInit(server: Command, context: CommandContext): void {
  const init = server
    .command("init")
    .description("make this machine the first server of a control plane")
    .option("--ha", "on a replicated store (etcd), so that more servers can join")
    .option("--etcd <urls>", "members that others run, parted by commas (default: its own)")
    .option("--etcd-ca <file>", "authority of those members, for https")
    .option("--etcd-cert <file>", "certificate to show to them, and")
    .option("--etcd-key <file>", "its key")
    .option("--load-balancer <host:port>", "an address in front of all servers")
    .option("--isolate", "close nodes on servers' machines for services that do not tolerate it")
    .addHelpText("after", initHelp);
  addPlaceFlags(init);
  addOfficeFlags(init);
  context.handle(init, (session, _values, options) => initServer(session, options, context));
}

const initHelp = `
A cluster of etcd that exists is opened with --etcd; its certificates are kept in the data directory (etcd-client/, to be
replaced there), and handed on to servers that join.

Without --ha the store is embedded, for one server. Run again with --ha later, the server that runs moves everything
to etcd, compares every key, and switches; services keep running. More servers: holdfast join-script --server`;

/** Flags that say where a server is, for `init` and `join`. */
export function addPlaceFlags(command: Command): void {
  command
    .option("--data <folder>", "where its data is (default: /var/lib/holdfast)")
    .option("--name <name>", "its name (default: the machine's)")
    .option("--host <address>", "where other machines reach it (default: its first address)")
    .addOption(countOption("--port <port>", `of the API (default: ${defaultPort})`, portRange))
    .option("--no-units", "do not let systemd start it");
}

async function initServer(
  session: Session,
  options: unknown,
  context: CommandContext,
): Promise<Outcome> {
  const flags = flagsSchema.parse(options);
  const etcdUrls = flags.etcd === undefined ? undefined : parseServers(flags.etcd, "--etcd");
  if (etcdUrls?.ok === false) return etcdUrls;
  const etcdFiles = etcdFilesOf(flags, etcdUrls?.value ?? []);
  if (!etcdFiles.ok) return etcdFiles;
  const balancer = hostAndPortSchema.optional().safeParse(flags.loadBalancer);
  if (!balancer.success) {
    return usage(`--load-balancer: "${flags.loadBalancer}" is no address`, "write HOST:PORT");
  }
  const office = officeWishes(session, flags);
  if (!office.ok) return office;
  const { HOLDFAST_DATA: data } = session.io.environment;
  return await context.roles.initServer(
    {
      dataDirectory: flags.data ?? data ?? "/var/lib/holdfast",
      name: flags.name ?? shortHostName(),
      host: flags.host ?? firstAddress(),
      port: flags.port,
      engine: flags.ha || etcdUrls !== undefined ? "etcd" : "embedded",
      etcdUrls: etcdUrls?.value ?? [],
      etcdFiles: etcdFiles.value,
      loadBalancer: balancer.data,
      isolate: flags.isolate,
      units: flags.units ? "install" : "leave",
      office: office.value,
    },
    session.io,
  );
}

/** Members at https are opened with all three files, members at http with none. */
function etcdFilesOf(
  { etcdCa: ca, etcdCert: certificate, etcdKey: key }: z.output<typeof flagsSchema>,
  urls: readonly string[],
): Result<ServerInitOptions["etcdFiles"], Failure> {
  const flagsHint = "give --etcd-ca, --etcd-cert and --etcd-key";
  const isSecure = urls.some((url) => url.startsWith("https:"));
  if (isSecure && urls.some((url) => url.startsWith("http:"))) {
    return usage("--etcd: members at https and at http cannot be mixed");
  }
  if (ca !== undefined && certificate !== undefined && key !== undefined) {
    return isSecure
      ? ok({ ca, certificate, key })
      : usage("--etcd-ca, --etcd-cert and --etcd-key are for --etcd https://...");
  }
  if (ca !== undefined || certificate !== undefined || key !== undefined) {
    return usage("of etcd's certificates all three files are needed", flagsHint);
  }
  return isSecure ? usage("--etcd: members at https need certificates", flagsHint) : ok(undefined);
}

/** The machine's name without its domain. */
export function shortHostName(): string {
  return hostname().split(".", 1)[0] ?? "server";
}

/** The first address of this machine that is not its own loopback's. */
export function firstAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const usable = addresses.filter(({ internal, scopeid }) => !internal && !scopeid);
  const found = usable.find(({ family }) => family === "IPv4") ?? usable[0];
  return found?.address ?? "127.0.0.1";
}
