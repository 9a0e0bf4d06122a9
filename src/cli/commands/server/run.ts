/** `server run`: a server of the control plane in the foreground; `server launch`: under a launcher. */
import { type Command, Option } from "commander";
import * as z from "zod";
import { ok, type Result } from "../../../core/result.ts";
import { profileNames } from "../../../wire/settings.ts";
import type { CommandContext } from "../../command-context.ts";
import { type Failure, usage } from "../../failure.ts";
import { readConfigFile } from "../../input/config-file.ts";
import { parseListen } from "../../input/listen.ts";
import type { ServerRunOptions } from "../../roles.ts";
import type { Session } from "../../session.ts";
import { addRunFlags, logFields, logOptionsOf, logOriginsOf, originOf } from "../run-options.ts";
import { addOfficeFlags, officeFields, officeOriginsOf, officeWishes } from "./office-flags.ts";

const fileSchema = z.strictObject({
  data: z.string().optional(),
  listen: z.string().optional(),
  profile: z.enum(profileNames).optional(),
  ...logFields,
  ...officeFields,
});
const flagsSchema = z.object({ ...fileSchema.shape, config: z.string().optional() });

/** Hangs `server run` and `server launch` below `server`. */
export function addServerRun(server: Command, context: CommandContext): void {
  const run = server
    .command("run")
    .description("run a server until it is told to end (SIGTERM; a second one ends it at once)");
  addRunOptions(run, context);
  context.handle(run, async (session, _values, options) => {
    const found = await findRunOptions(session, options);
    return found.ok ? await context.roles.runServer(found.value, session.io) : found;
  });
  const launch = server
    .command("launch")
    .description("run the server under a launcher, so that another version can take its place");
  addRunOptions(launch, context);
  // What is wrong with its words is told at once, not by each start of the server.
  context.handle(launch, async (session, _values, options) => {
    const found = await findRunOptions(session, options);
    return found.ok ? await context.roles.launchServer(found.value, session.io) : found;
  });
}

function addRunOptions(command: Command, context: CommandContext): void {
  command
    .option("--data <folder>", "where its data is (default: /var/lib/holdfast)")
    .option(
      "--listen <host:port>",
      "address of the API (default: 127.0.0.1:7440, of an initialised server all addresses)",
    )
    .addOption(new Option("--profile <profile>", "of a new cluster").choices(profileNames));
  addOfficeFlags(command);
  addRunFlags(command, context.io.places.serverConfigFile);
}

async function findRunOptions(
  session: Session,
  options: unknown,
): Promise<Result<ServerRunOptions, Failure>> {
  const flags = flagsSchema.parse(options);
  const file = await readConfigFile(
    flags.config ?? session.io.places.serverConfigFile,
    fileSchema,
    flags.config === undefined ? "optional" : "required",
  );
  if (!file.ok) return file;
  const environment = session.io.environment;
  const {
    HOLDFAST_DATA: data,
    HOLDFAST_LISTEN: listenText,
    HOLDFAST_PROFILE: profile,
  } = environment;
  const written = flags.listen ?? listenText ?? file.value.listen;
  const listen = written === undefined ? undefined : parseListen(written);
  if (listen?.ok === false) return listen;
  const named = profileNames.find((name) => name === profile);
  if (profile !== undefined && named === undefined) {
    return usage(`HOLDFAST_PROFILE: "${profile}" is no profile`, `use ${profileNames.join(", ")}`);
  }
  const office = officeWishes(session, flags, file.value);
  if (!office.ok) return office;
  return ok({
    office: office.value,
    dataDirectory: flags.data ?? data ?? file.value.data ?? "/var/lib/holdfast",
    listen: listen?.value,
    profile: flags.profile ?? named ?? file.value.profile,
    log: logOptionsOf(session, flags, file.value),
    origins: {
      ...logOriginsOf(session, flags, file.value),
      ...officeOriginsOf(session, flags, file.value),
      dataDirectory: originOf(flags.data, data, file.value.data),
      listen: originOf(flags.listen, listenText, file.value.listen),
    },
  });
}
