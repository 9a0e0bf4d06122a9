/**
 * `server-settings.json`: what people have set of this server alone. It lies in the server's own data directory and
 * nowhere else, so that no copy of the cluster's settings can ever replace it.
 */
import { join } from "node:path";
import { err, ok, type Result } from "../../core/result.ts";
import {
  type ServerSettings,
  serverSettingsSchema,
} from "../../wire/control-plane/server-config.ts";
import { readOwnFile, writeOwnFile } from "../files.ts";

const fileName = "server-settings.json";

/** What was set; a server of which nothing was set has no such file. */
export async function readServerSettings(
  dataDirectory: string,
): Promise<Result<ServerSettings, string>> {
  const path = join(dataDirectory, fileName);
  const text = await readOwnFile(path);
  if (!text.ok) return text;
  if (text.value === undefined) return ok({});
  const parsed = serverSettingsSchema.safeParse(jsonIn(text.value));
  if (parsed.success) return ok(parsed.data);
  const issue = parsed.error.issues[0];
  return err(
    `"${path}" is not what holdfast writes (${issue?.message}); correct it, or delete it to have the defaults`,
  );
}

/** Replaces the file as a whole; it is on the disk when this returns. */
export async function writeServerSettings(
  dataDirectory: string,
  settings: ServerSettings,
): Promise<Result<void, string>> {
  const text = `${JSON.stringify(settings, undefined, 2)}\n`;
  return await writeOwnFile(join(dataDirectory, fileName), text);
}

/** Undefined, which no schema takes, where it is no JSON. */
function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
