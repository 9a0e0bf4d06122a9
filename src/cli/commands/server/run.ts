/** `server run`: a server of the control plane in the foreground. */
import { type Command, Option } from "commander";
import * as z from "zod";
import { profileNames } from "../../../wire/settings.ts";
import type { CommandContext } from "../../command-context.ts";
import { type Outcome, usage } from "../../failure.ts";
import { readConfigFile } from "../../input/config-file.ts";
import { parseListen } from "../../input/listen.ts";
import type { Session } from "../../session.ts";
import { addRunFlags, logFields, logOptionsOf } from "../run-options.ts";

const fileSchema = z.strictObject({
  data: z.string().optional(),
  listen: z.string().optional(),
  profile: z.enum(profileNames).optional(),
  ...logFields,
});
const flagsSchema = z.object({ ...fileSchema.shape, config: z.string().optional() });

/** Hangs `server run` below `server`. */
export function addServerRun(server: Command, context: CommandContext): void {
  const run = server
    .command("run")
    .description("run a server until it is told to end (SIGTERM; a second one ends it at once)")
    .option("--data <folder>", "where its data is (default: /var/lib/holdfast)")
    .option(
      "--listen <host:port>",
      "address of the API (default: 127.0.0.1:7440, of an initialised server all addresses)",
    )
    .addOption(new Option("--profile <profile>", "of a new cluster").choices(profileNames));
  addRunFlags(run, context.io.places.serverConfigFile);
  context.handle(run, (session, _values, options) => runServer(session, options, context));
}

async function runServer(
  session: Session,
  options: unknown,
  context: CommandContext,
): Promise<Outcome> {
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
  return context.roles.runServer(
    {
      dataDirectory: flags.data ?? data ?? file.value.data ?? "/var/lib/holdfast",
      listen: listen?.value,
      profile: flags.profile ?? named ?? file.value.profile,
      log: logOptionsOf(session, flags, file.value),
    },
    session.io,
  );
}
