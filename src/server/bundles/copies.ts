/** Which servers have a bundle and which do not: the one place that counts copies. */
import type { BundleRecord, BundleResource } from "../../wire/bundles.ts";
import type { Row } from "../view/table-slots.ts";
import type { ViewTables } from "../view/view-tables.ts";

export type CopyTables = Pick<ViewTables, "servers" | "bundles" | "bundleCopies">;

/** Ids of the servers that must have every bundle. A server that was only started is its own cluster. */
export function keepersOf(tables: CopyTables, self: string): readonly string[] {
  return tables.servers.size === 0 ? [self] : [...tables.servers.keys()].sort(compareServers);
}

/** Whether the server has noted a verified copy. */
export function hasCopy(tables: CopyTables, sha256: string, server: string): boolean {
  return tables.bundleCopies.has(`${sha256}/${server}`);
}

/** Server and content that the rest of a copy's key names. */
export function copyOf(key: string): { readonly sha256: string; readonly server: string } {
  const slash = key.indexOf("/");
  return { sha256: key.slice(0, slash), server: key.slice(slash + 1) };
}

/** The bundle as a person sees it. */
export function bundleResource(
  tables: CopyTables,
  row: Row<BundleRecord>,
  self: string,
): BundleResource {
  const { version: _version, signature: _signature, ...record } = row.value;
  const keepers = keepersOf(tables, self);
  const copies = keepers.filter((server) => hasCopy(tables, record.sha256, server));
  const missing = keepers.filter((server) => !copies.includes(server));
  const majority = Math.floor(keepers.length / 2) + 1;
  const isSafe = copies.length >= majority;
  return { ...record, revision: row.revision, copies, missing, majority, isSafe };
}

/** A bundle by its content's SHA-256 or its name. */
export function findBundle(tables: CopyTables, words: string): Row<BundleRecord> | undefined {
  const found = tables.bundles.get(words);
  if (found !== undefined) return found;
  return [...tables.bundles.values()].find((row) => row.value.name === words);
}

/** Ids are decimal numbers as text; others come in order of their letters. */
function compareServers(left: string, right: string): number {
  const difference = Number(left) - Number(right);
  if (!Number.isNaN(difference) && difference !== 0) return difference;
  return left < right ? -1 : Number(left > right);
}
