/** `config ...`: settings of the whole cluster, and what each server has of its own. */
import type { Command } from "commander";
import * as z from "zod";
import type { ServerConfigResource } from "../../../wire/control-plane/server-config.ts";
import { type CommandContext, repeatedOption } from "../../command-context.ts";
import { done, failOfApi, type Outcome, usage } from "../../failure.ts";
import { parseSettingWords, settingRows, settingsHelp } from "../../input/setting-words.ts";
import type { Session } from "../../session.ts";
import { differencesOfFile, differencesOfServers, lineOf } from "./differences.ts";
import { readConfig, readConfigDocument, serverOf } from "./document.ts";
import { hintOfOwnKey, ownSettingsHelp, parseOwnWords } from "./own-words.ts";

const setHelp = `
Keys of the cluster:
${settingsHelp()}
Keys of one server, with --on:
${ownSettingsHelp()}
Examples:
  holdfast config set profile=fast admission.losses=1
  holdfast config set logLevel=debug --on 2`;

const diffHelp = `
Without a file: between all servers, or those that --on names, in what should be the same on all of them.
With a file, as "config show -o yaml" prints it: between the file and the cluster. Of "cluster" in it, what is not there
counts as the default; a server or a value of one that it leaves out is not compared, unless it names servers at all:
then the others are a difference.
Exit code: 0 when there is no difference, 1 when there is one.`;

/** Hangs `config` and its verbs into the program. */
export function addConfigCommands(program: Command, context: CommandContext): void {
  const config = program
    .command("config")
    .description("settings of the cluster, and of each server");
  const show = config
    .command("show")
    .description("all values, and where each comes from")
    .option("--on <server>", "only those of this server (id or name)");
  context.handle(show, showConfig);
  const set = config
    .command("set")
    .description("change settings; the others stay as they are")
    .argument("<key=value...>")
    .option("--on <server>", "of this server alone (id or name)")
    .addHelpText("after", setHelp);
  context.handle(set, setConfig);
  const diff = config
    .command("diff")
    .description("what differs between servers, or between a file and the cluster")
    .argument("[file]", '"-" is standard input')
    .addOption(repeatedOption("--on <server>", "one of the servers to compare; may be repeated"))
    .addHelpText("after", diffHelp);
  context.handle(diff, diffConfig);
}

const onSchema = z.object({ on: z.string().optional() });

async function showConfig(
  session: Session,
  _values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { on } = onSchema.parse(options);
  const client = await session.client();
  if (!client.ok) return client;
  const read = await readConfig(client.value);
  if (!read.ok) return read;
  if (on !== undefined) {
    const server = serverOf(read.value, on);
    if (!server.ok) return server;
    session.print(server.value, () => textOfServer(session, server.value));
    return done;
  }
  const { cluster, servers } = read.value;
  session.print(read.value, () => {
    const rows = settingRows(cluster).map(({ key, value, source }) => [key, value, source]);
    return [
      session.table(["CLUSTER", "VALUE", "FROM"], rows),
      ...servers.map((server) => `\n${textOfServer(session, server)}`),
    ].join("");
  });
  return done;
}

function textOfServer(session: Session, server: ServerConfigResource): string {
  const { id, values, sources } = server;
  const rows = Object.entries(values).map(([key, value]) => [key, value, sources[key] ?? "-"]);
  const table = session.table([`SERVER ${id}`, "VALUE", "FROM"], rows);
  return `${table}${outlookOf(server).join("")}`;
}

/** What becomes of it later. */
function outlookOf({ id, name, pending, waiting }: ServerConfigResource): string[] {
  const words = (values: Readonly<Record<string, string | null>>): string =>
    Object.entries(values)
      .map(([key, value]) => `${key}=${value ?? "default"}`)
      .join(" ");
  return [
    ...(Object.keys(pending).length === 0
      ? []
      : [`after a restart of server ${id} "${name}": ${words(pending)}\n`]),
    ...(waiting === undefined
      ? []
      : [`server ${id} "${name}" does not run; when it does: ${words(waiting)}\n`]),
  ];
}

async function setConfig(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { on } = onSchema.parse(options);
  if (on !== undefined) return await setOwn(session, values, on);
  const change = parseSettingWords(values, hintOfOwnKey);
  if (!change.ok) return change;
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.changeSettings(change.value);
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () =>
    settingRows(answer.value)
      .map(({ key, value }) => `${key}=${value}\n`)
      .join(""),
  );
  return done;
}

async function setOwn(session: Session, words: readonly string[], on: string): Promise<Outcome> {
  const change = parseOwnWords(words);
  if (!change.ok) return change;
  const client = await session.client();
  if (!client.ok) return client;
  const servers = await client.value.serverConfigs();
  if (!servers.ok) return failOfApi(servers.error);
  const server = serverOf({ servers: servers.value.items }, on);
  if (!server.ok) return server;
  const answer = await client.value.changeServerConfig(server.value.id, change.value);
  if (!answer.ok) return failOfApi(answer.error);
  const { value } = answer;
  session.print(answer.body, () => {
    const keys = Object.keys(change.value);
    const lines = keys.map(
      (key) => `server ${value.id} "${value.name}": ${key}=${value.values[key]}\n`,
    );
    return [...lines, ...outlookOf(value)].join("");
  });
  return done;
}

const diffSchema = z.object({ on: z.array(z.string()).default([]) });

async function diffConfig(
  session: Session,
  [file]: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { on } = diffSchema.parse(options);
  if (file !== undefined && on.length > 0) {
    return usage("a file is compared with the whole cluster", "leave --on out, or the file");
  }
  if (on.length === 1) return usage("one server alone differs from nothing", "give --on twice");
  const kept = file === undefined ? undefined : await readConfigDocument(file, session.io);
  if (kept?.ok === false) return kept;
  const client = await session.client();
  if (!client.ok) return client;
  const now = await readConfig(client.value);
  if (!now.ok) return now;
  const chosen: ServerConfigResource[] = [];
  for (const word of on) {
    const server = serverOf(now.value, word);
    if (!server.ok) return server;
    chosen.push(server.value);
  }
  const servers = on.length === 0 ? now.value.servers : chosen;
  const differences =
    kept === undefined ? differencesOfServers(servers) : differencesOfFile(kept.value, now.value);
  const isSame = differences.length === 0;
  session.print({ same: isSame, differences }, () =>
    isSame ? "there is no difference\n" : differences.map(lineOf).join(""),
  );
  return { ok: true, value: isSame ? 0 : 1 };
}
