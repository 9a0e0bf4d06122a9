/**
 * Whether a server may come in at all: looked at while it is its turn, when nobody else comes in, and before it gets a
 * vote. One that has a vote and can never serve is one that the others depend on for nothing.
 */
import { judgeSchema } from "../../core/migrations/verdict.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { skewVerdict } from "../../core/upgrade/skew.ts";
import type { Store } from "../../ports/store.ts";
import { readRecord } from "../../runtime/manager-records.ts";
import { readStoredSchema, type SchemaProgram } from "../../runtime/migrate/stored-schema.ts";
import { keys } from "../../wire/records.ts";
import {
  removedServerRecordSchema,
  type ServerRecord,
  serverRecordSchema,
} from "../../wire/servers.ts";
import { addressesOf, type ServerIdentity } from "../server-files.ts";

/** Who wants to come in. */
export interface Entrant {
  readonly identity: ServerIdentity;
  readonly program: SchemaProgram;
}

/** Why it may not. */
export interface Refusal {
  /**
   * `unfit`: its program works with this store, or with the other servers, not now, and no server counts it as one of
   * theirs: a member that it has already helps nobody. `other`: anything else; its member may be needed.
   */
  readonly kind: "unfit" | "other";
  /** What stands against it, and what to do. */
  readonly because: string;
}

/** Only one that has never served is judged by its program: orders can reach the others, which wait for them. */
export async function checkAdmission(
  store: Store,
  { identity, program }: Entrant,
): Promise<Result<void, Refusal>> {
  const { id } = identity;
  const removedKey = `${keys.removedServers}${id}`;
  const removed = await store.get(removedKey);
  if (!removed.ok) return refuse(removed.error.message);
  const { entry } = removed.value;
  if (entry !== undefined) {
    const { because } = readRecord(removedServerRecordSchema, removedKey, entry.value);
    return refuse(
      `server ${id} was removed from the cluster (${because}); empty its data directory and join it anew`,
    );
  }
  const read = await store.range(keys.servers);
  if (!read.ok) return refuse(read.error.message);
  const servers = read.value.entries.map(({ key, value }) =>
    readRecord(serverRecordSchema, key, value),
  );
  const others = servers.filter((server) => server.id !== id);
  const taken = whatIsTaken(identity, others);
  if (taken !== undefined) return refuse(taken);
  if (others.length < servers.length) return ok(undefined);
  const skew = await checkVersion(store, { identity, program }, others);
  return skew.ok ? await checkSchema(store, program) : skew;
}

function refuse(because: string, kind: Refusal["kind"] = "other"): Result<never, Refusal> {
  return err({ kind, because });
}

function whatIsTaken(
  identity: ServerIdentity,
  others: readonly ServerRecord[],
): string | undefined {
  const namesake = others.find((server) => server.name === identity.name);
  if (namesake !== undefined) {
    return `server ${namesake.id} is named "${identity.name}" already; empty this data directory and join with another --name, or remove that one first: holdfast server remove ${namesake.id}`;
  }
  const { url, peerUrl } = addressesOf(identity);
  const neighbour = others.find(
    (server) => server.url === url || server.member?.peerUrl === peerUrl,
  );
  if (neighbour === undefined) return undefined;
  return `server ${neighbour.id} "${neighbour.name}" is at ${url} already; if it is lost for good, remove it first: holdfast server remove ${neighbour.id}`;
}

/** As when it is registered: beside the servers that live. */
async function checkVersion(
  store: Store,
  { identity: { name }, program: { version } }: Entrant,
  others: readonly ServerRecord[],
): Promise<Result<void, Refusal>> {
  const read = await store.range(keys.serverLeases);
  if (!read.ok) return refuse(read.error.message);
  const alive = new Set(read.value.entries.map(({ key }) => key));
  const living = others
    .filter(({ id }) => alive.has(`${keys.serverLeases}${id}`))
    .map((other) => ({ name: other.name, version: other.serverVersion }));
  const verdict = skewVerdict({ role: "server", name, version }, living);
  if (verdict.kind !== "refused") return ok(undefined);
  return refuse(`${verdict.sentence}, then start it again`, "unfit");
}

/** It has to be able to serve at once: while it waited nobody could give it orders, and nobody else could come in. */
async function checkSchema(store: Store, program: SchemaProgram): Promise<Result<void, Refusal>> {
  const read = await readStoredSchema(store);
  if (!read.ok) return refuse(read.error.message);
  const { stored } = read.value;
  const verdict = judgeSchema(stored, program);
  if (verdict.kind === "serve") return ok(undefined);
  const { because } = verdict;
  if (verdict.kind === "refuse") return refuse(`a new server has to fit: ${because}`, "unfit");
  const way =
    stored.migratingTo === undefined
      ? "upgrade the servers that there are first, or install the version that they run, then start it again"
      : "start it again when that is done";
  return refuse(`${because}, and a new server cannot come in before that; ${way}`, "unfit");
}
