/** What of a version of Holdfast is on this machine already, beside the installed package. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readText } from "../launcher/durable.ts";
import { originFile, versionFolder } from "../launcher/places.ts";

/** Whether the version is here, from exactly this package; without a SHA-256: from any. */
export function isPrepared(
  dataDirectory: string,
  { version, sha256 }: { readonly version: string; readonly sha256?: string | undefined },
): boolean {
  const origin = readText(join(versionFolder(dataDirectory, version), originFile)).trim();
  const isRight = sha256 === undefined ? origin !== "" : origin === sha256;
  return isRight && existsSync(mainIn(dataDirectory, version));
}

/** Its main file. */
export function mainIn(dataDirectory: string, version: string): string {
  return join(versionFolder(dataDirectory, version), "dist/main.js");
}
