/** `settings show|set`: the cluster's times. */
import { type Command, Option } from "commander";
import * as z from "zod";
import { profileNames, type Settings, timesOf } from "../../wire/settings.ts";
import { type CommandContext, durationOption } from "../command-context.ts";
import { done, failOfApi, type Outcome, usage } from "../failure.ts";
import type { Session } from "../session.ts";

/** Hangs `settings` and its verbs into the program. */
export function addSettingsCommands(program: Command, context: CommandContext): void {
  const settings = program.command("settings").description("settings of the whole cluster");
  context.handle(settings.command("show").description("the settings in force"), showSettings);
  const set = settings
    .command("set")
    .description("choose a profile, or times of your own")
    .addOption(new Option("--profile <profile>", "named times").choices(profileNames))
    .addOption(durationOption("--ttl <duration>", "how long a node's lease lives"))
    .addOption(durationOption("--watchdog <duration>", "by then a cut-off node has killed all"))
    .addOption(durationOption("--renew-every <duration>", "how often a lease is renewed"));
  context.handle(set, setSettings);
}

async function showSettings(session: Session): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.settings();
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => textOf(answer.value));
  return done;
}

function textOf(settings: Settings): string {
  const times = timesOf(settings);
  const name = settings.times === undefined ? settings.profile : "own times";
  return [
    `profile      ${name}\n`,
    `lease        ${times.ttlMs / 1_000} s\n`,
    `watchdog     ${times.watchdogMs / 1_000} s\n`,
    `renew every  ${times.renewEveryMs / 1_000} s\n`,
  ].join("");
}

const setSchema = z.object({
  profile: z.enum(profileNames).optional(),
  ttl: z.number().optional(),
  watchdog: z.number().optional(),
  renewEvery: z.number().optional(),
});

async function setSettings(
  session: Session,
  _values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { profile, ttl, watchdog, renewEvery } = setSchema.parse(options);
  const given = [ttl, watchdog, renewEvery].filter((value) => value !== undefined);
  if (profile === undefined && given.length === 0) {
    return usage("nothing to set is given", "write --profile fast, balanced or patient");
  }
  if (profile !== undefined && given.length > 0) {
    return usage("--profile cannot be mixed with times", "give a profile, or all three times");
  }
  if (profile === undefined && given.length < 3) {
    return usage("times of your own are three", "give --ttl, --watchdog and --renew-every");
  }
  const client = await session.client();
  if (!client.ok) return client;
  const times = { ttlMs: ttl ?? 0, watchdogMs: watchdog ?? 0, renewEveryMs: renewEvery ?? 0 };
  const answer = await client.value.putSettings(profile === undefined ? { times } : { profile });
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => textOf(answer.value));
  return done;
}
