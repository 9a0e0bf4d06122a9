/** What a survivor knows, in words for the person who has to decide whether it is enough. */
import { err, ok, type Result } from "../../core/result.ts";
import { silenceTtlMs } from "../../core/upgrade/dark.ts";
import { isOpen } from "../../core/upgrade/model.ts";
import type { Store } from "../../ports/store.ts";
import { readRecord } from "../../runtime/manager-records.ts";
import type { TlsCredentials } from "../../server/http/app.ts";
import { silenceRecordSchema, upgradeRecordSchema } from "../../wire/control-plane/upgrades.ts";
import {
  eventRecordSchema,
  keys,
  leaseRecordSchema,
  settingsRecordSchema,
} from "../../wire/records.ts";
import { type ServerRecord, serverRecordSchema } from "../../wire/servers.ts";
import { settingsSchema, timesOf } from "../../wire/settings.ts";
import type { ServerCredentials } from "../engine/credentials.ts";
import type { OpenEngine } from "../engine/open-engine.ts";
import { requestOfPeer } from "../engine/peer-request.ts";
import type { ServerIdentity } from "../server-files.ts";

/** A server that is well answers at once. */
const silenceMs = 3_000;

interface Here {
  readonly identity: ServerIdentity;
  readonly credentials: ServerCredentials;
}

/**
 * Some lines: how far its log goes, and what there is in it. The error: it cannot be read, or another server answers, so
 * that this one's word is not the only one.
 */
export async function readKnowledge(
  engine: OpenEngine,
  { identity, credentials }: Here,
): Promise<Result<string, string>> {
  const { store } = engine;
  const { term, index } = await engine.memberStatus();
  const counts: string[] = [];
  for (const [noun, prefix] of [
    ["nodes", keys.nodes],
    ["services", keys.services],
  ] as const) {
    const read = await store.range(prefix);
    if (!read.ok) return err(read.error.message);
    counts.push(`${read.value.entries.length} ${noun}`);
  }
  const servers = await store.range(keys.servers);
  if (!servers.ok) return err(servers.error.message);
  const others = servers.value.entries
    .map((entry) => readRecord(serverRecordSchema, entry.key, entry.value))
    .filter(({ id }) => id !== identity.id);
  const silent = await checkSilent(others, credentials.api());
  if (!silent.ok) return silent;
  const last = await lastEvent(store);
  if (!last.ok) return last;
  const names = others.map(({ id, name, url }) => `  server ${id} "${name}" at ${url}\n`);
  return ok(
    `server ${identity.id} "${identity.name}" knows ${counts.join(" and ")}, up to entry ${index ?? "?"} of term ${term ?? "?"}\n` +
      `the last thing that it knows happened ${last.value}\n` +
      "what was written later, without it, is lost\n" +
      (others.length === 0
        ? "it knows of no other servers\n"
        : `these servers must be off for good, and never come back with their old data:\n${names.join("")}`),
  );
}

/** One that answers lives, perhaps with most of the others: two control planes would decide about the same nodes. */
async function checkSilent(
  others: readonly ServerRecord[],
  tls: TlsCredentials,
): Promise<Result<void, string>> {
  const answers = await Promise.all(
    others.map(async ({ url }) => {
      const question = { url, path: "/v1/peers/status", timeoutMs: silenceMs };
      const answer = await requestOfPeer(question, tls);
      return answer.ok || answer.error.status !== undefined;
    }),
  );
  const alive = others.filter((_other, index) => answers[index] === true);
  const [first] = alive;
  if (first === undefined) return ok(undefined);
  const names = alive.map(({ id, url }) => `server ${id} at ${url}`).join(", ");
  return err(
    `${names} answers: look there with holdfast server list; if most of the servers live, start this one again, else stop ${alive.length === 1 ? "that one" : "those"} for good first`,
  );
}

async function lastEvent(store: Store): Promise<Result<string, string>> {
  const read = await store.range(keys.events);
  if (!read.ok) return err(read.error.message);
  const entry = read.value.entries.at(-1);
  if (entry === undefined) return ok("before any event");
  const record = readRecord(eventRecordSchema, entry.key, entry.value);
  return ok(`at ${new Date(record.atMs).toISOString()}: ${record.subject}: ${record.sentence}`);
}

/** The longest time to live of a lease that was granted or may have been, in milliseconds. */
export async function leaseTtlMsOf(store: Store): Promise<Result<number, string>> {
  const read = await store.get(keys.settings);
  if (!read.ok) return err(read.error.message);
  const { entry } = read.value;
  const settings =
    entry === undefined
      ? settingsSchema.parse({})
      : readRecord(settingsRecordSchema, entry.key, entry.value).settings;
  const leases = await store.range(keys.leases);
  if (!leases.ok) return err(leases.error.message);
  const granted = leases.value.entries.map(
    ({ key, value }) => readRecord(leaseRecordSchema, key, value).times?.ttlMs ?? 0,
  );
  const announcedMs = await announcedMsOf(store);
  if (!announcedMs.ok) return announcedMs;
  return ok(Math.max(timesOf(settings).ttlMs, announcedMs.value, ...granted));
}

/** The life of leases in an upgrade that leaves agents without servers; this copy may not show yet that it was announced. */
async function announcedMsOf(store: Store): Promise<Result<number, string>> {
  const read = await store.get(keys.systemUpgrade);
  if (!read.ok) return err(read.error.message);
  const { entry } = read.value;
  const upgrade = entry && readRecord(upgradeRecordSchema, entry.key, entry.value);
  const isOpenNow = upgrade !== undefined && isOpen(upgrade);
  const mayAnnounce = isOpenNow && upgrade.steps.some(({ kind }) => kind === "announce");
  const silence = await store.get(keys.silence);
  if (!silence.ok) return err(silence.error.message);
  const said = silence.value.entry;
  const saidMs =
    said === undefined ? 0 : readRecord(silenceRecordSchema, said.key, said.value).ttlMs;
  return ok(Math.max(saidMs, mayAnnounce ? silenceTtlMs : 0));
}
