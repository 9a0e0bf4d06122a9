/** What a backup is made from on a server's machine when no server answers: the store's file, or the member of etcd. */

import { openPkiDirectory } from "../../adapters/certificates/pki-directory.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Store } from "../../ports/store.ts";
import type { BackupSource } from "../../server/backup/make-backup.ts";
import { readServerId } from "../../server/files.ts";
import { openEtcdStore } from "../../stores/etcd/etcd-store.ts";
import { openSqliteStore } from "../../stores/sqlite/sqlite-store.ts";
import { openCredentials } from "../engine/credentials.ts";
import { isThere } from "../place/is-there.ts";
import {
  addressesOf,
  readEngine,
  readIdentity,
  type ServerIdentity,
  type StoreEngine,
  serverPlaces,
} from "../server-files.ts";
import { readServerSecrets } from "./server-secrets.ts";

export interface OfflineOptions {
  readonly dataDirectory: string;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Open until it is closed. */
export interface OfflineSource {
  readonly source: BackupSource;
  close(): Promise<void>;
}

/** The error says why, e.g. that a server has the store open. */
export async function openOffline(options: OfflineOptions): Promise<Result<OfflineSource, string>> {
  const { dataDirectory, version, clock } = options;
  const places = serverPlaces(dataDirectory);
  const engine = await readEngine(places);
  if (!engine.ok) return engine;
  const identity = await readIdentity(places);
  if (!identity.ok) return identity;
  const serverId = identity.value?.id ?? (await knownId(options));
  const store =
    engine.value?.engine === "etcd" && identity.value !== undefined
      ? await openMember(options, engine.value, identity.value)
      : await openFile(places.sqliteFile, options);
  if (!store.ok) return store;
  const secrets = () => readServerSecrets(dataDirectory);
  return ok({
    source: { store: store.value, clock, serverId, version, secrets },
    close: () => store.value.close(),
  });
}

async function knownId({ dataDirectory }: OfflineOptions): Promise<string> {
  const id = (await isThere(dataDirectory)) ? await readServerId(dataDirectory) : undefined;
  return id?.ok === true ? id.value : "unknown";
}

async function openFile(file: string, { clock }: OfflineOptions): Promise<Result<Store, string>> {
  if (!(await isThere(file))) return err(`there is no store at ${file}: give the server's --data`);
  // No timer of a lease runs: what is read must not be changed by being read.
  const still: Clock = { ...clock, after: () => () => undefined };
  const opened = await openSqliteStore({ file, clock: still });
  if (opened.ok) return opened;
  if (opened.error.kind !== "in-use") return err(opened.error.message);
  return err(`the server of this store runs: leave out --data, and it is asked itself (${file})`);
}

async function openMember(
  { dataDirectory, clock, log }: OfflineOptions,
  engine: Extract<StoreEngine, { engine: "etcd" }>,
  identity: ServerIdentity,
): Promise<Result<Store, string>> {
  if (engine.member === undefined) {
    return err("this server's etcd is run by others: start the server, and leave out --data");
  }
  const pki = await openPkiDirectory(dataDirectory);
  if (!pki.ok) return pki;
  const credentials = await openCredentials(pki.value);
  if (!credentials.ok) return credentials;
  const own = addressesOf(identity).clientUrl;
  const endpoints = [own, ...engine.endpoints.filter((url) => url !== own)];
  const tls = () => credentials.value.etcd();
  const opened = await openEtcdStore({ endpoints, tls, clock, log });
  return opened.ok ? opened : err(opened.error.message);
}
