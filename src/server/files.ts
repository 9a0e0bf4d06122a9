/** The server's own files in its data directory: its id, where it is reached, and the first admin's token. */
import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sentenceOfSystemError } from "../core/explain/system-error.ts";
import { err, ok, type Result } from "../core/result.ts";

export const adminTokenFile = "admin.token";
const serverIdFile = "server-id";
const serverInfoFile = "server.json";

/** Makes the data directory, for its owner only. */
export async function prepareDirectory(directory: string): Promise<Result<void, string>> {
  return await attempt(`cannot use the data directory "${directory}"`, async () => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const probe = join(directory, `.write-test-${process.pid}`);
    await writeFile(probe, "");
    await rm(probe);
  });
}

/** The id that this server has kept since its first start. */
export async function readServerId(directory: string): Promise<Result<string, string>> {
  const path = join(directory, serverIdFile);
  return await attempt(`cannot use "${path}"`, async () => {
    const kept = (await readIfThere(path))?.trim();
    if (kept !== undefined && kept !== "") return kept;
    const made = randomUUID();
    await replaceFile(path, `${made}\n`, 0o644);
    return made;
  });
}

export interface ServerInfo {
  /** Where this server is reached. */
  readonly url: string;
  readonly pid: number;
  /** All servers that it knows, itself among them; a server that was only started knows none. */
  readonly servers?: readonly string[] | undefined;
  /** Certificate that theirs are checked with (PEM). */
  readonly authorityFile?: string | undefined;
}

/** Says where the servers are reached, for the CLI on the same machine. */
export async function writeServerInfo(
  directory: string,
  info: ServerInfo,
): Promise<Result<void, string>> {
  const path = join(directory, serverInfoFile);
  return await attempt(`cannot write "${path}"`, async () => {
    await replaceFile(path, `${JSON.stringify(info)}\n`, 0o644);
  });
}

/** Takes back what `writeServerInfo` said. */
export async function removeServerInfo(directory: string): Promise<void> {
  await rm(join(directory, serverInfoFile), { force: true });
}

/** The admin's token from its file; undefined: there is no such file. */
export async function readAdminToken(
  directory: string,
): Promise<Result<string | undefined, string>> {
  const path = join(directory, adminTokenFile);
  return await attempt(`cannot read "${path}"`, async () => (await readIfThere(path))?.trim());
}

/** Writes the admin's token to a file that only its owner can read; it is on the disk, and whole, when this returns. */
export async function writeAdminToken(
  directory: string,
  token: string,
): Promise<Result<void, string>> {
  const path = join(directory, adminTokenFile);
  return await attempt(`cannot write "${path}"`, async () => {
    const draft = `${path}.new`;
    await rm(draft, { force: true });
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(`${token}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  });
}

/** The text of a file of the server's own; undefined: there is none. */
export async function readOwnFile(path: string): Promise<Result<string | undefined, string>> {
  return await attempt(`cannot read "${path}"`, async () => await readIfThere(path));
}

/** Replaces a file of the server's own, for its owner only; it is on the disk, and whole, when this returns. */
export async function writeOwnFile(path: string, text: string): Promise<Result<void, string>> {
  return await attempt(`cannot write "${path}"`, async () => {
    const draft = `${path}.new`;
    const file = await open(draft, "w", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  });
}

async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const draft = `${path}.new`;
  await writeFile(draft, text, { mode });
  await rename(draft, path);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error: unknown) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function attempt<T>(what: string, action: () => Promise<T>): Promise<Result<T, string>> {
  try {
    return ok(await action());
  } catch (error: unknown) {
    return err(`${what}: ${sentenceOfSystemError(error)}`);
  }
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
