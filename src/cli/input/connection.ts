/**
 * Which server the command line talks to, and with which token: flags, environment, files, what this machine's own
 * server has left, defaults, in this order.
 */
import * as z from "zod";
import { type Client, createClient } from "../../client/client.ts";
import { ok, type Result } from "../../core/result.ts";
import { type Failure, usage } from "../failure.ts";
import type { CliIo } from "../io.ts";
import { readConfigFile } from "./config-file.ts";
import { parseYamlDocuments, readTextFile } from "./yaml-file.ts";

/** Address that servers listen on by default. */
export const defaultServer = "http://127.0.0.1:7440";

const cliConfigSchema = z.strictObject({
  server: z.string().optional(),
  tokenFile: z.string().optional(),
});

/** What flags say; undefined where they say nothing. */
export interface ConnectionFlags {
  readonly server?: string | undefined;
  readonly tokenFile?: string | undefined;
}

export interface ConnectOptions {
  /** How long an answer may take; default: the client's own. */
  readonly timeoutMs?: number;
}

/** Makes the client, or says which setting is wrong. Nothing is sent yet. */
export async function connect(
  flags: ConnectionFlags,
  io: CliIo,
  options: ConnectOptions = {},
): Promise<Result<Client, Failure>> {
  let fromFiles: z.output<typeof cliConfigSchema> = {};
  for (const file of io.places.cliConfigFiles) {
    const config = await readConfigFile(file, cliConfigSchema, "optional");
    if (!config.ok) return config;
    fromFiles = { ...fromFiles, ...config.value };
  }
  const environmentServer = setting(io, "HOLDFAST_SERVER");
  const named = flags.server ?? environmentServer ?? fromFiles.server;
  const server = parseServer(
    named ?? (await serverOfThisMachine(io)) ?? defaultServer,
    whereServer(flags, environmentServer),
  );
  if (!server.ok) return server;
  const token = await findToken(flags, fromFiles.tokenFile, io);
  if (!token.ok) return token;
  return ok(
    createClient({ server: server.value, token: token.value, signal: io.signal, ...options }),
  );
}

/** A variable of the environment; an empty one says nothing. */
function setting(io: CliIo, name: string): string | undefined {
  const value = io.environment[name];
  return value === "" ? undefined : value;
}

const serverInfoSchema = z.object({ url: z.url({ protocol: /^http$/ }) });

/** The address that this machine's own server has left for its administrator, if it has. */
async function serverOfThisMachine(io: CliIo): Promise<string | undefined> {
  const read = await readTextFile(io.places.serverInfoFile);
  if (!read.ok) return undefined;
  const documents = parseYamlDocuments(read.value, io.places.serverInfoFile); // JSON is YAML
  const parsed = serverInfoSchema.safeParse(documents.ok ? documents.value[0]?.value : undefined);
  return parsed.success ? parsed.data.url : undefined;
}

function whereServer(flags: ConnectionFlags, environmentServer: string | undefined): string {
  if (flags.server !== undefined) return "--server";
  return environmentServer === undefined ? "server in cli.yaml" : "HOLDFAST_SERVER";
}

/** Checks a server's address; `where` names the setting that it comes from. */
export function parseServer(text: string, where: string): Result<string, Failure> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    return usage(`${where}: "${text}" is no server address`, `write it as ${defaultServer}`);
  }
  return ok(text.replace(/\/+$/, ""));
}

async function findToken(
  flags: ConnectionFlags,
  configuredFile: string | undefined,
  io: CliIo,
): Promise<Result<string | undefined, Failure>> {
  const token = setting(io, "HOLDFAST_TOKEN");
  const environmentFile = setting(io, "HOLDFAST_TOKEN_FILE");
  if (flags.tokenFile !== undefined) return readTokenFile(flags.tokenFile, "--token-file");
  if (token !== undefined) return checkToken(token, "HOLDFAST_TOKEN");
  if (environmentFile !== undefined) return readTokenFile(environmentFile, "HOLDFAST_TOKEN_FILE");
  if (configuredFile !== undefined) return readTokenFile(configuredFile, "tokenFile in cli.yaml");
  const found = await readTextFile(io.places.adminTokenFile);
  return found.ok ? checkToken(found.value, io.places.adminTokenFile) : ok(undefined);
}

/** Reads a token from its file; `where` names the setting that names the file. */
export async function readTokenFile(file: string, where: string): Promise<Result<string, Failure>> {
  const read = await readTextFile(file);
  if (read.ok) return checkToken(read.value, file);
  return usage(
    `cannot read the token file ${file} (${where}): ${read.error.message}`,
    "check the name and its permissions",
  );
}

function checkToken(text: string, where: string): Result<string, Failure> {
  const token = text.trim();
  if (/^[\x21-\x7e]{1,1000}$/.test(token)) return ok(token);
  return usage(`${where} holds no token`, "give the file that holds the token, one line");
}
