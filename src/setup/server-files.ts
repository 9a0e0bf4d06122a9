/**
 * What makes a data directory an initialised server's: who it is, and which engine holds the truth. `store.json` is
 * the one word about the latter; it is replaced in one rename, so that after a crash it is either engine, never both.
 */
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";
import { replaceFile } from "../adapters/certificates/durable-file.ts";
import { sentenceOfSystemError } from "../core/explain/system-error.ts";
import { err, ok, type Result } from "../core/result.ts";
import { serverIdSchema } from "../wire/servers.ts";

const identitySchema = z.strictObject({
  version: z.literal(1),
  id: serverIdSchema,
  name: z.string().min(1),
  /** Name or address where others reach it. */
  host: z.string().min(1),
  /** Of the API; the store's member has the next two. */
  port: z.int().min(1).max(65_533),
});
export type ServerIdentity = z.output<typeof identitySchema>;

const memberSchema = z.strictObject({
  name: z.string(),
  initialCluster: z.string(),
  state: z.enum(["new", "existing"]),
});

const engineSchema = z.discriminatedUnion("engine", [
  z.strictObject({ version: z.literal(1), engine: z.literal("embedded") }),
  z.strictObject({
    version: z.literal(1),
    engine: z.literal("etcd"),
    /** Undefined: etcd is run by others, at `endpoints`, or this server has not begun to enter. */
    member: memberSchema.optional(),
    /** Etcd that others run is opened with certificates that they gave; undefined: with this control plane's own. */
    certificates: z.literal("given").optional(),
    /** Members that were known last; the own one is not among them. */
    endpoints: z.array(z.string()),
    /**
     * The server is on its way in. Without `member` it has nothing of its own yet; with it, its member was added, and
     * may vote already: then the others may need it, and it goes on from its data.
     */
    joining: z.boolean().default(false),
  }),
]);
export type StoreEngine = z.output<typeof engineSchema>;

/** Files of an initialised server's data directory. */
export interface ServerPlaces {
  readonly dataDirectory: string;
  readonly pki: string;
  readonly etcdData: string;
  /** Certificates for etcd that others run. */
  readonly givenCertificates: string;
  readonly sqliteFile: string;
  readonly identityFile: string;
  readonly engineFile: string;
}

/** Where things are below a data directory. */
export function serverPlaces(dataDirectory: string): ServerPlaces {
  const at = (name: string): string => join(dataDirectory, name);
  return {
    dataDirectory,
    pki: at("pki"),
    etcdData: at("etcd"),
    givenCertificates: at("etcd-client"),
    sqliteFile: at("store.sqlite"),
    identityFile: at("server-identity.json"),
    engineFile: at("store.json"),
  };
}

/** Addresses that follow from a server's own. */
export function addressesOf({ host, port }: Pick<ServerIdentity, "host" | "port">): {
  readonly url: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
} {
  const name = host.includes(":") ? `[${host}]` : host;
  const at = (offset: number): string => `https://${name}:${port + offset}`;
  return { url: at(0), clientUrl: at(1), peerUrl: at(2) };
}

/** The API of the server whose store's member is at this client address. */
export function apiUrlOf(clientUrl: string): string {
  const url = new URL(clientUrl);
  url.port = String(Number(url.port) - 1);
  return url.origin;
}

/** Who the server is; undefined: the directory was never initialised. */
export function readIdentity(
  places: ServerPlaces,
): Promise<Result<ServerIdentity | undefined, string>> {
  return readJson(places.identityFile, identitySchema);
}

/** An identity from the text of its file. */
export function parseIdentity(text: string): Result<ServerIdentity, string> {
  try {
    const parsed = identitySchema.safeParse(JSON.parse(text));
    return parsed.success ? ok(parsed.data) : err("it is not what holdfast writes");
  } catch {
    return err("it is not JSON");
  }
}

/** Which engine holds the truth; undefined: the directory was never initialised to its end. */
export function readEngine(places: ServerPlaces): Promise<Result<StoreEngine | undefined, string>> {
  return readJson(places.engineFile, engineSchema);
}

/** Writes who the server is. */
export function writeIdentity(
  places: ServerPlaces,
  identity: ServerIdentity,
): Promise<Result<void, string>> {
  return writeJson(places.identityFile, identity);
}

/** Switches to an engine: from the moment that this returns, and not before, it is the truth, also after a crash. */
export function writeEngine(
  places: ServerPlaces,
  engine: StoreEngine,
): Promise<Result<void, string>> {
  return writeJson(places.engineFile, engine);
}

/** A file that Holdfast has written; undefined: it is not there. */
export async function readJson<T>(
  path: string,
  schema: z.ZodType<T>,
): Promise<Result<T | undefined, string>> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error: unknown) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return ok(undefined);
    return err(`cannot read ${path}: ${sentenceOfSystemError(error)}`);
  }
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    if (parsed.success) return ok(parsed.data);
    const issue = parsed.error.issues[0];
    return err(`${path} is not what holdfast writes: ${issue?.path.join(".")}: ${issue?.message}`);
  } catch {
    return err(`${path} is not JSON; restore it from a backup`);
  }
}

/** Replaces a file in one step, for its owner only. */
export async function writeJson(path: string, value: unknown): Promise<Result<void, string>> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await replaceFile(path, `${JSON.stringify(value, undefined, 2)}\n`, 0o600);
    return ok(undefined);
  } catch (error: unknown) {
    return err(`cannot write ${path}: ${sentenceOfSystemError(error)}`);
  }
}
