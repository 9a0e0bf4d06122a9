/** The whole configuration as one document: what `config show -o yaml` prints, and `config diff FILE` reads. */
import * as z from "zod";
import type { Client } from "../../../client/client.ts";
import { ok, type Result } from "../../../core/result.ts";
import type { ServerConfigResource } from "../../../wire/control-plane/server-config.ts";
import { type Settings, settingsSchema } from "../../../wire/settings.ts";
import { type Failure, fail, failOfApi, usage } from "../../failure.ts";
import { settingRows } from "../../input/setting-words.ts";
import { failOfFaults, parseYamlDocuments, readInputFile } from "../../input/yaml-file.ts";
import type { CliIo } from "../../io.ts";

export interface ConfigDocument {
  /** Of all servers; replicated. */
  readonly cluster: Settings;
  /** Of each of these. */
  readonly sources: Readonly<Record<string, string>>;
  readonly servers: readonly ServerConfigResource[];
}

const fileSchema = z.strictObject({
  cluster: settingsSchema.optional(),
  sources: z.unknown().optional(),
  servers: z
    .array(z.looseObject({ id: z.string(), values: z.record(z.string(), z.string()) }))
    .optional(),
});
/** What a file says; what it leaves out is not compared. */
export type ConfigFile = z.output<typeof fileSchema>;

/** The configuration as it is now. */
export async function readConfig(client: Client): Promise<Result<ConfigDocument, Failure>> {
  const cluster = await client.settings();
  if (!cluster.ok) return failOfApi(cluster.error);
  const servers = await client.serverConfigs();
  if (!servers.ok) return failOfApi(servers.error);
  const sources = settingRows(cluster.value).map(({ key, source }) => [key, source]);
  return ok({
    cluster: cluster.value,
    sources: Object.fromEntries(sources),
    servers: servers.value.items,
  });
}

/** The configuration that somebody has kept in a file. */
export async function readConfigDocument(
  file: string,
  io: CliIo,
): Promise<Result<ConfigFile, Failure>> {
  const text = await readInputFile(file, io);
  if (!text.ok) return text;
  const documents = parseYamlDocuments(text.value, file);
  if (!documents.ok) return documents;
  const [document, second] = documents.value;
  if (document === undefined || second !== undefined) {
    return usage(
      `${file} holds ${second === undefined ? "no document" : "more than one document"}`,
      "such a file is made with: holdfast config show -o yaml",
    );
  }
  const parsed = fileSchema.safeParse(document.value);
  return parsed.success ? ok(parsed.data) : failOfFaults(file, document, parsed.error);
}

/** The server of this id or name. */
export function serverOf(
  { servers }: Pick<ConfigDocument, "servers">,
  word: string,
): Result<ServerConfigResource, Failure> {
  const found = servers.find(({ id }) => id === word) ?? servers.find(({ name }) => name === word);
  if (found !== undefined) return ok(found);
  return fail(
    3,
    `there is no server "${word}" that has told of its configuration`,
    "see what there is with: holdfast config show",
  );
}
