/** Whether a server may come in at all: looked at while it is its turn, when nobody else comes in. */
import { err, ok, type Result } from "../../core/result.ts";
import type { Store } from "../../ports/store.ts";
import { readRecord } from "../../runtime/manager-records.ts";
import { keys } from "../../wire/records.ts";
import { removedServerRecordSchema, serverRecordSchema } from "../../wire/servers.ts";
import { addressesOf, type ServerIdentity } from "../server-files.ts";

/** The error says what stands against it, and what to do. */
export async function checkAdmission(
  store: Store,
  identity: ServerIdentity,
): Promise<Result<void, string>> {
  const { id, name } = identity;
  const removedKey = `${keys.removedServers}${id}`;
  const removed = await store.get(removedKey);
  if (!removed.ok) return err(removed.error.message);
  const { entry } = removed.value;
  if (entry !== undefined) {
    const { because } = readRecord(removedServerRecordSchema, removedKey, entry.value);
    return err(
      `server ${id} was removed from the cluster (${because}); empty its data directory and join it anew`,
    );
  }
  const read = await store.range(keys.servers);
  if (!read.ok) return err(read.error.message);
  const others = read.value.entries
    .map(({ key, value }) => readRecord(serverRecordSchema, key, value))
    .filter((server) => server.id !== id);
  const namesake = others.find((server) => server.name === name);
  if (namesake !== undefined) {
    return err(
      `server ${namesake.id} is named "${name}" already; empty this data directory and join with another --name, or remove that one first: holdfast server remove ${namesake.id}`,
    );
  }
  const { url, peerUrl } = addressesOf(identity);
  const neighbour = others.find(
    (server) => server.url === url || server.member?.peerUrl === peerUrl,
  );
  if (neighbour === undefined) return ok(undefined);
  return err(
    `server ${neighbour.id} "${neighbour.name}" is at ${url} already; if it is lost for good, remove it first: holdfast server remove ${neighbour.id}`,
  );
}
