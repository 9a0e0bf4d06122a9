/** `server init --ha` where a server on the embedded store is: by the server itself while it runs, else right here. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openPkiDirectory } from "../adapters/certificates/pki-directory.ts";
import { done, fail, failOfApi, type Outcome } from "../cli/failure.ts";
import type { CliIo } from "../cli/io.ts";
import { type Client, createClient } from "../client/client.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Store } from "../ports/store.ts";
import { auditByHand } from "../setup/audit-by-hand.ts";
import { openCredentials } from "../setup/engine/credentials.ts";
import {
  type EtcdCertificates,
  keepGivenCertificates,
} from "../setup/engine/given-certificates.ts";
import { openEngine } from "../setup/engine/open-engine.ts";
import { engineOf } from "../setup/init-server.ts";
import { type EtcdEngine, moveToEtcd } from "../setup/move/move-to-etcd.ts";
import { notFrozen } from "../setup/not-frozen.ts";
import {
  addressesOf,
  type ServerIdentity,
  type ServerPlaces,
  serverPlaces,
} from "../setup/server-files.ts";

export interface MoveServerOptions {
  readonly dataDirectory: string;
  readonly identity: ServerIdentity;
  /** Members that others run; empty: one of this server's own. */
  readonly etcdUrls: readonly string[];
  readonly etcdCertificates: EtcdCertificates | undefined;
  readonly clock: Clock;
}

const lookEveryMs = 300;
/** The server serves again within seconds after it has switched. */
const silenceMsMax = 60_000;

/** Moves, and tells each step. */
export async function moveServer(options: MoveServerOptions, io: CliIo): Promise<Outcome> {
  const client = await clientOf(options, io.signal);
  if (options.etcdUrls.length > 0) {
    const there = await client.moveStatus();
    if (!there.ok && there.error.kind === "unreachable") return await moveHere(options, io);
    return fail(
      5,
      "a server that runs moves to a member of its own only",
      "stop it first (systemctl stop holdfast-server), or leave out --etcd",
    );
  }
  const running = await client.moveToEtcd();
  if (running.ok) return await followMove(client, options, io);
  if (running.error.kind !== "unreachable") return failOfApi(running.error);
  return await moveHere(options, io);
}

async function clientOf(
  { dataDirectory, identity }: MoveServerOptions,
  signal: AbortSignal,
): Promise<Client> {
  const read = (file: string): Promise<string | undefined> =>
    readFile(join(dataDirectory, file), "utf8").then(
      (text) => text.trim(),
      () => undefined, // the server refuses what has no token, and says so
    );
  return createClient({
    server: addressesOf({ ...identity, host: "127.0.0.1" }).url,
    otherServers: [addressesOf(identity).url], // it may listen there only
    authorityPem: await read("pki/ca.crt"),
    token: await read("admin.token"),
    signal,
  });
}

async function followMove(
  client: Client,
  { clock }: MoveServerOptions,
  io: CliIo,
): Promise<Outcome> {
  let heardAtMs = clock.monotonicMs();
  let said = "";
  while (!io.signal.aborted) {
    const status = await client.moveStatus();
    if (status.ok) {
      heardAtMs = clock.monotonicMs();
      const { state, detail } = status.value;
      if (state === "failed") return fail(1, `the store stays as it was: ${detail}`);
      if (state === "not-begun") {
        return fail(
          1,
          "the server was started anew meanwhile, on the store that it had",
          "try again",
        );
      }
      if (detail !== said) io.stdout.write(`${detail}\n`);
      said = detail;
      if (state === "done") return done;
    } else if (clock.monotonicMs() - heardAtMs > silenceMsMax) {
      return failOfApi(status.error);
    }
    await sleep(lookEveryMs);
  }
  return fail(130, "interrupted; the server goes on", "look with: holdfast server list");
}

async function moveHere(options: MoveServerOptions, io: CliIo): Promise<Outcome> {
  const { dataDirectory, identity, clock } = options;
  const places = serverPlaces(dataDirectory);
  const pki = await openPkiDirectory(dataDirectory);
  if (!pki.ok) return fail(1, pki.error);
  const credentials = await openCredentials(pki.value);
  if (!credentials.ok) return fail(1, credentials.error);
  const log = quietLog;
  const common = { places, identity, credentials: credentials.value, clock, log };
  const source = await openEngine(
    { version: 1, engine: "embedded" },
    { ...common, signal: io.signal },
  );
  if (!source.ok) {
    return fail(1, source.error, "a server that runs and does not answer has to be ended first");
  }
  const { gate } = source.value;
  if (gate === undefined) return fail(1, "this server is not on the embedded store");
  const target = await noteAndTarget(options, places, source.value.store);
  const moved = target.ok
    ? await moveToEtcd({
        ...common,
        source: gate,
        target: target.value,
        signal: io.signal,
        onStatus: ({ detail }) => io.stdout.write(`${detail}\n`),
      })
    : target;
  if (moved.ok) await moved.value.close();
  await source.value.close();
  if (!moved.ok) return fail(1, `the store stays as it was: ${moved.error}`);
  io.stdout.write("the store is etcd now; start the server\n");
  return done;
}

/** As when a running server is asked: that it was asked for is in the audit before it begins. */
async function noteAndTarget(
  options: MoveServerOptions,
  places: ServerPlaces,
  store: Store,
): ReturnType<typeof targetOf> {
  const note = { action: "server.move", subject: "control-plane", detail: "to etcd" };
  const entry = await auditByHand({ ...options, store }, note);
  if (!entry.ok) return entry;
  const thawed = await notFrozen(store, options.clock.wallMs());
  if (!thawed.ok) return thawed;
  const written = await store.txn({ compare: [thawed.value], then: [entry.value] });
  if (!written.ok) return err(written.error.message);
  if (!written.value.succeeded) return err("the cluster was frozen just now");
  return await targetOf(options, places);
}

/** Undefined: a member of this server's own. */
async function targetOf(
  { etcdUrls, etcdCertificates, identity }: MoveServerOptions,
  places: ServerPlaces,
): Promise<Result<EtcdEngine | undefined, string>> {
  if (etcdUrls.length === 0) return ok(undefined);
  const kept = await keepGivenCertificates(places, etcdCertificates);
  if (!kept.ok) return kept;
  const engine = engineOf({ engine: "etcd", etcdUrls, etcdCertificates }, identity);
  return ok(engine.engine === "etcd" ? engine : undefined);
}

/** The person reads each step; etcd's own words are of no use here. */
const quietLog: Log = { write: () => undefined, with: () => quietLog };
