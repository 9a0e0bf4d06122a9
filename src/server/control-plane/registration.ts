/** A server's own record, which it writes at each start; one that was removed is turned away. */
import { err, ok, type Result } from "../../core/result.ts";
import { skewVerdict } from "../../core/upgrade/skew.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Compare, Store, StoredEntry } from "../../ports/store.ts";
import { jsonOf, readRecord } from "../../runtime/manager-records.ts";
import { keys } from "../../wire/records.ts";
import {
  removedServerRecordSchema,
  type ServerRecord,
  serverCounterRecordSchema,
  serverRecordSchema,
} from "../../wire/servers.ts";
import type { CertificateSerials, ServerSelf } from "./control-plane.ts";
import type { Presence } from "./presence.ts";
import { removedWords } from "./removed-server.ts";

/** Rounds in which others may write the same record first. */
const attemptsMax = 10;
/** Certificates live a year and are issued anew after eight months, or when the load balancer's address changes. */
const serialsMax = 32;

export interface RegistrationOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly self: ServerSelf;
  /** The store's own id of this server's member, where it has one. */
  readonly memberId: string | undefined;
  readonly version: string;
  /** Of the certificates that it shows now. */
  readonly serials: CertificateSerials;
  /** Where others look whether it lives: its sign of life. */
  readonly presence: Presence | undefined;
}

/** Writes what this server is now. The error is for the operator: it was removed, or its name is taken. */
export async function registerServer(options: RegistrationOptions): Promise<Result<void, string>> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const written = await tryRegister(options);
    if (!written.ok || written.value === "done") return written.ok ? ok(undefined) : written;
  }
  return err("other servers change the list of servers all the time; start it again");
}

async function tryRegister(
  options: RegistrationOptions,
): Promise<Result<"done" | "again", string>> {
  const { store, self } = options;
  const removedKey = `${keys.removedServers}${self.id}`;
  const removed = await store.get(removedKey);
  if (!removed.ok) return err(removed.error.message);
  if (removed.value.entry !== undefined) {
    const { because } = readRecord(
      removedServerRecordSchema,
      removedKey,
      removed.value.entry.value,
    );
    return err(removedWords({ id: self.id, because }));
  }
  const others = await store.range(keys.servers);
  if (!others.ok) return err(others.error.message);
  const key = `${keys.servers}${self.id}`;
  const own = others.value.entries.find((entry) => entry.key === key);
  const records = others.value.entries.map((entry) =>
    readRecord(serverRecordSchema, entry.key, entry.value),
  );
  const namesake = records.find(({ id, name }) => id !== self.id && name === self.name);
  if (namesake !== undefined) {
    return err(`server ${namesake.id} is named "${self.name}" already; give this one another name`);
  }
  const skew = await skewWithOthers(options, others.value.entries);
  if (!skew.ok) return skew;
  const counted = await store.get(keys.serverCounter);
  if (!counted.ok) return err(counted.error.message);
  const counter = counted.value.entry;
  const lastId =
    counter === undefined
      ? 0
      : readRecord(serverCounterRecordSchema, keys.serverCounter, counter.value).lastId;
  const kept = records.find(({ id }) => id === self.id);
  const outcome = await store.txn({
    compare: [
      own === undefined
        ? { kind: "absent", key }
        : { kind: "modified-at", key, revision: own.modRevision },
      counter === undefined
        ? { kind: "absent", key: keys.serverCounter }
        : { kind: "modified-at", key: keys.serverCounter, revision: counter.modRevision },
      { kind: "absent", key: removedKey },
      ...skew.value,
    ],
    then: [
      { kind: "put", key, value: jsonOf(recordOf(options, kept)) },
      ...(options.presence === undefined ? [] : [options.presence.operation]),
      ...(lastId >= Number(self.id)
        ? []
        : [
            {
              kind: "put" as const,
              key: keys.serverCounter,
              value: jsonOf({ version: 1, lastId: Number(self.id) }),
            },
          ]),
    ],
  });
  if (!outcome.ok) return err(outcome.error.message);
  return ok(outcome.value.succeeded ? "done" : "again");
}

/**
 * Refuses a version that does not work together with those of the servers that live. The answer is what has to be so
 * still when this server is written: of two that start at once, the second one sees the first.
 */
async function skewWithOthers(
  { store, self, version, log }: RegistrationOptions,
  entries: readonly StoredEntry[],
): Promise<Result<readonly Compare[], string>> {
  const living = await store.range(keys.serverLeases);
  if (!living.ok) return err(living.error.message);
  const alive = new Set(living.value.entries.map(({ key }) => key));
  const others = entries
    .map((entry) => ({ entry, ...readRecord(serverRecordSchema, entry.key, entry.value) }))
    .filter(({ id }) => id !== self.id)
    .map((other) => ({ ...other, leaseKey: `${keys.serverLeases}${other.id}` }));
  const servers = others
    .filter(({ leaseKey }) => alive.has(leaseKey))
    .map(({ name, serverVersion }) => ({ name, version: serverVersion }));
  const verdict = skewVerdict({ role: "server", name: self.name, version }, servers);
  if (verdict.kind === "refused") {
    return err(`${verdict.sentence}, or stop the servers that do not fit first`);
  }
  if (verdict.kind === "unknown") log.write("warn", verdict.sentence);
  return ok(
    others.flatMap(({ entry: { key, modRevision }, leaseKey }): Compare[] => [
      { kind: "modified-at", key, revision: modRevision },
      ...(alive.has(leaseKey) ? [] : [{ kind: "absent" as const, key: leaseKey }]),
    ]),
  );
}

function recordOf(options: RegistrationOptions, kept: ServerRecord | undefined): ServerRecord {
  const { self, version, clock, serials } = options;
  return {
    version: 1,
    id: self.id,
    name: self.name,
    url: self.url,
    ...memberOf(options, kept),
    serverVersion: version,
    ...(kept?.node === undefined ? {} : { node: kept.node }),
    serials: withSerial(kept?.serials ?? [], serials.certificate),
    etcdSerials: withSerial(kept?.etcdSerials ?? [], serials.etcdCertificate),
    registeredAtMs: kept?.registeredAtMs ?? clock.wallMs(),
  };
}

/** Of a member that does not say who it is at this moment, what is known of it still holds. */
function memberOf(
  { self, memberId }: RegistrationOptions,
  kept: ServerRecord | undefined,
): Pick<ServerRecord, "member"> {
  const id = memberId ?? kept?.member?.id;
  return self.member === undefined || id === undefined ? {} : { member: { id, ...self.member } };
}

function withSerial(serials: readonly string[], serial: string): string[] {
  return [...serials.filter((other) => other !== serial), serial].slice(-serialsMax);
}

/** Notes the serials of certificates that a running server has got, so that they can be revoked with it. */
export async function noteSerials(
  store: Store,
  serverId: string,
  { certificate, etcdCertificate }: CertificateSerials,
): Promise<Result<void, string>> {
  const key = `${keys.servers}${serverId}`;
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const read = await store.get(key);
    if (!read.ok) return err(read.error.message);
    const { entry } = read.value;
    if (entry === undefined) return err(`server ${serverId} is not registered`);
    const record = readRecord(serverRecordSchema, key, entry.value);
    const { serials, etcdSerials } = record;
    if (serials.at(-1) === certificate && etcdSerials.at(-1) === etcdCertificate) {
      return ok(undefined);
    }
    const value = jsonOf({
      ...record,
      serials: withSerial(serials, certificate),
      etcdSerials: withSerial(etcdSerials, etcdCertificate),
    });
    const written = await store.txn({
      compare: [{ kind: "modified-at", key, revision: entry.modRevision }],
      then: [{ kind: "put", key, value }],
    });
    if (!written.ok) return err(written.error.message);
    if (written.value.succeeded) return ok(undefined);
  }
  return err("others change the server's record all the time");
}
