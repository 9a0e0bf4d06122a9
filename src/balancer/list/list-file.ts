/** The last good list of servers on disk, so that a balancer that starts while all servers are away knows them. */
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { type Backends, backendsMax, backendsOf } from "../config/backends.ts";

const fileName = "balancer-servers.json";

const fileSchema = z.object({
  version: z.literal(1),
  servers: z
    .array(z.object({ id: z.string(), name: z.string(), url: z.string() }))
    .max(backendsMax),
});

/** A server as it is kept and listed. */
export type KeptServer = z.output<typeof fileSchema>["servers"][number];

/** Undefined: none was kept yet. The error is one line: it is there and of no use. */
export async function readListFile(folder: string): Promise<Result<Backends | undefined, string>> {
  const path = join(folder, fileName);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error: unknown) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    return isMissing ? ok(undefined) : err(`cannot read ${path}: ${sentenceOfSystemError(error)}`);
  }
  const parsed = fileSchema.safeParse(jsonOf(text));
  if (!parsed.success) return err(`${path} is no list of servers; remove it`);
  const backends = backendsOf(parsed.data.servers);
  return backends.ok ? backends : err(`${path}: ${backends.error}; remove it`);
}

/** Replaces the file as a whole: a crash leaves the old one or the new one. */
export async function writeListFile(
  folder: string,
  servers: readonly KeptServer[],
): Promise<Result<void, string>> {
  const path = join(folder, fileName);
  const draft = `${path}.new`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = await open(draft, "w", 0o600);
    try {
      await file.writeFile(`${JSON.stringify({ version: 1, servers }, undefined, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    return ok(undefined);
  } catch (error: unknown) {
    return err(`cannot write ${path}: ${sentenceOfSystemError(error)}`);
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema says that it is none
  }
}
