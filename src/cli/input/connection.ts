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
  /** PEM file of the authority that the servers' certificates are of. */
  authority: z.string().optional(),
});

/** What flags say; undefined where they say nothing. */
export interface ConnectionFlags {
  readonly server?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly authority?: string | undefined;
  /** `--server` was given without a value. */
  readonly isBare?: boolean | undefined;
}

export interface ConnectOptions {
  /** How long an answer may take; default: the client's own. */
  readonly timeoutMs?: number;
  /** `login`: without a token, and never in clear over a network. */
  readonly purpose?: "login";
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
  const own = await placeOfThisMachine(io);
  const servers = parseServers(
    named ?? own?.servers.join(",") ?? defaultServer,
    whereServer(flags, environmentServer),
  );
  if (!servers.ok) return servers;
  const [server = defaultServer, ...otherServers] = servers.value;
  const { purpose, ...others } = options;
  const clear = purpose === undefined ? undefined : servers.value.find(isClear);
  if (clear !== undefined) {
    return usage(
      `${clear} would get the password in clear, for everybody on the way to read`,
      "name a server with https://, or log in on the machine of the server",
    );
  }
  const token =
    purpose === undefined ? await findToken(flags, fromFiles.tokenFile, io) : ok(undefined);
  if (!token.ok) return token;
  const authority = await readAuthority(
    flags.authority ?? setting(io, "HOLDFAST_CA") ?? fromFiles.authority,
    own?.authorityFile,
  );
  if (!authority.ok) return authority;
  return ok(
    createClient({
      server,
      otherServers,
      authorityPem: authority.value,
      token: token.value,
      signal: io.signal,
      ...others,
    }),
  );
}

/** The authority's certificate: from the file that was named, else from the one of this machine's own server. */
async function readAuthority(
  named: string | undefined,
  ofThisMachine: string | undefined,
): Promise<Result<string | undefined, Failure>> {
  const file = named ?? ofThisMachine;
  if (file === undefined) return ok(undefined);
  const read = await readTextFile(file);
  if (read.ok) return ok(read.value);
  if (named === undefined) return ok(undefined); // not for this user: the connection says what is missing
  return usage(
    `cannot read the authority's certificate ${file}: ${read.error.message}`,
    "name it with --ca FILE; servers have it in pki/ca.crt of their data directory",
  );
}

/** A variable of the environment; an empty one says nothing. */
function setting(io: CliIo, name: string): string | undefined {
  const value = io.environment[name];
  return value === "" ? undefined : value;
}

const placeSchema = z.object({
  url: z.url({ protocol: /^https?$/ }).optional(),
  servers: z.array(z.url({ protocol: /^https?$/ })).default([]),
  authorityFile: z.string().optional(),
});

interface OwnPlace {
  readonly servers: readonly string[];
  readonly authorityFile: string | undefined;
}

/** What this machine's own server, or else its agent, has left for the command line, if it has. */
async function placeOfThisMachine(io: CliIo): Promise<OwnPlace | undefined> {
  for (const file of [io.places.serverInfoFile, io.places.agentInfoFile]) {
    const read = await readTextFile(file);
    if (!read.ok) continue;
    const documents = parseYamlDocuments(read.value, file); // JSON is YAML
    const parsed = placeSchema.safeParse(documents.ok ? documents.value[0]?.value : undefined);
    if (!parsed.success) continue;
    const { url, servers, authorityFile } = parsed.data;
    const all = [...new Set([...(url === undefined ? [] : [url]), ...servers])];
    if (all.length > 0) return { servers: all, authorityFile };
  }
  return undefined;
}

function whereServer(flags: ConnectionFlags, environmentServer: string | undefined): string {
  if (flags.server !== undefined) return "--server";
  return environmentServer === undefined ? "server in cli.yaml" : "HOLDFAST_SERVER";
}

/** Plain HTTP that leaves this machine. */
function isClear(server: string): boolean {
  const { protocol, hostname } = new URL(server);
  return protocol === "http:" && !/^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname);
}

/** Checks a list of addresses, parted by commas. */
export function parseServers(text: string, where: string): Result<string[], Failure> {
  const servers: string[] = [];
  for (const part of text.split(",")) {
    const server = parseServer(part.trim(), where);
    if (!server.ok) return server;
    servers.push(server.value);
  }
  return ok(servers);
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
  const { userTokenFile } = io.places;
  const login = userTokenFile === undefined ? undefined : await readTextFile(userTokenFile);
  if (login?.ok === true) return checkToken(login.value, String(userTokenFile));
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
