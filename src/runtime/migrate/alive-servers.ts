/** Who would go on writing what a migration changes. Reads only what servers of all schemas have in common. */
import { err, ok, type Result } from "../../core/result.ts";
import type { JsonValue, Store } from "../../ports/store.ts";
import { keys } from "../../wire/records.ts";

/** Servers that live and run another version, as people know them; empty: nobody is in the way. */
export async function aliveServersOfOtherVersions(
  store: Pick<Store, "range">,
  own: { readonly serverId: string | undefined; readonly version: string },
): Promise<Result<readonly string[], string>> {
  const [leases, servers] = [await store.range(keys.serverLeases), await store.range(keys.servers)];
  if (!leases.ok) return err(leases.error.message);
  if (!servers.ok) return err(servers.error.message);
  const versions = new Map(
    servers.value.entries.map(({ key, value }) => [
      key.slice(keys.servers.length),
      textOf(value, "serverVersion"),
    ]),
  );
  const others: string[] = [];
  for (const { key, value } of leases.value.entries) {
    const id = key.slice(keys.serverLeases.length);
    // While a migration is under way a server that starts can say its version nowhere else.
    const version = textOf(value, "serverVersion") ?? versions.get(id);
    if (id === own.serverId || version === own.version) continue;
    others.push(`server ${id} still runs holdfast ${version ?? "of an unknown version"}`);
  }
  return ok(others);
}

/** A field of a record whose shape may be another; undefined: it has none, or no text. */
export function textOf(value: JsonValue, field: string): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const found = Object.entries(value).find(([name]) => name === field)?.[1];
  return typeof found === "string" ? found : undefined;
}
