/** Histories of a server's API: a key is a service that must exist, its value the service's description. */
import type { ApiResult } from "../../../src/client/api-error.ts";
import type { Client } from "../../../src/client/client.ts";
import type { HistoryClient, Outcome } from "./history-client.ts";

/** A client that asks one server over HTTP, as people and scripts do. */
export function apiClient(client: Client): HistoryClient {
  return {
    read: async (key) =>
      outcomeOf(await client.service(key), ({ config, revision }) => ({
        value: descriptionOf(config),
        token: revision,
      })),
    write: async (key, value) =>
      outcomeOf(await client.changeService(key, { description: value }), () => undefined),
    compareAndSet: async (key, { token }, value) => {
      const changed = await client.changeService(key, { description: value }, token);
      if (!changed.ok && changed.error.code === "changed-meanwhile") {
        return { kind: "done", value: false };
      }
      return outcomeOf(changed, () => true);
    },
  };
}

function descriptionOf(config: unknown): string | undefined {
  if (typeof config !== "object" || config === null || !("description" in config)) return undefined;
  return String(config.description);
}

function outcomeOf<T, V>(result: ApiResult<T>, wanted: (value: T) => V): Outcome<V> {
  if (result.ok) return { kind: "done", value: wanted(result.value) };
  const { kind, code } = result.error;
  const isCertain = kind === "unreachable" || (kind === "problem" && code !== "outcome-unknown");
  return { kind: isCertain ? "not-done" : "unknown" };
}
