/**
 * `server join`, on the new machine: gets an id, certificates and the authorities' keys, and leaves a data directory
 * with which `server run` finds its way in.
 */
import { createKeyAndRequest } from "../../adapters/certificates/key-and-request.ts";
import { findAuthority } from "../../adapters/certificates/pem.ts";
import { openPkiDirectory } from "../../adapters/certificates/pki-directory.ts";
import { openWithToken } from "../../adapters/certificates/sealing.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { KeyAndRequest, PkiDirectory } from "../../ports/certificates.ts";
import type { Clock } from "../../ports/clock.ts";
import { prepareDirectory } from "../../server/files.ts";
import { type ServerJoinAnswer, serverJoinAnswerSchema } from "../../wire/joining.ts";
import { keepGivenCertificates } from "../engine/given-certificates.ts";
import { checkMachine } from "../place/machine.ts";
import { namesOfServer, writeRevocations } from "../server-certificates.ts";
import {
  readEngine,
  readIdentity,
  type ServerIdentity,
  type ServerPlaces,
  type StoreEngine,
  serverPlaces,
  writeEngine,
  writeIdentity,
} from "../server-files.ts";
import { findServers, post } from "./ask-servers.ts";
import { keptIdentity } from "./kept-identity.ts";
import { type SealedKeys, sealedKeysSchema } from "./sealed-keys.ts";

export interface JoinServerOptions {
  readonly dataDirectory: string;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly servers: readonly string[];
  readonly token: string;
  readonly authorityHash: string;
  readonly version: string;
  readonly clock: Clock;
}

interface JoinedServer extends ServerIdentity {
  /** Not so when the data directory was this server's before: nobody was asked whether it still counts. */
  readonly isNew: boolean;
}

/**
 * Prepares the data directory; the server's way in begins when it is run. The error is for the operator. A join that was
 * interrupted may be repeated with the same command; one that is done already is none.
 */
export async function joinServer(
  options: JoinServerOptions,
): Promise<Result<JoinedServer, string>> {
  const places = serverPlaces(options.dataDirectory);
  const prepared = await prepareDirectory(options.dataDirectory);
  if (!prepared.ok) return prepared;
  const pki = await openPkiDirectory(options.dataDirectory);
  if (!pki.ok) return pki;
  const present = await presentServer(places, pki.value, options);
  if (!present.ok) return present;
  if (present.value !== undefined) return ok({ ...present.value, isNew: false });
  const { name, host, port } = options;
  const machine = await checkMachine({ host, port, member: "none" });
  if (!machine.ok) return machine;
  const asked = await ask(options);
  if (!asked.ok) return asked;
  const { answer, keys } = asked.value;
  const opened = openWithToken(secretOf(options.token), answer.sealedKeys);
  if (!opened.ok) return opened;
  const sealed = sealedKeysSchema.parse(JSON.parse(opened.value));
  // Once more now that it is known whether it runs a member; whatever is missing, the command may be repeated.
  const suited = await checkMachine({
    host,
    port,
    member: sealed.members === "own" ? "own" : "none",
  });
  if (!suited.ok) return suited;
  const stored = await storeCertificates(pki.value, options.clock, { answer, sealed, keys });
  if (!stored.ok) return stored;
  const given = await keepGivenCertificates(places, sealed.etcdCertificates);
  if (!given.ok) return given;
  const identity: ServerIdentity = { version: 1, id: answer.id, name, host, port };
  const written = await writeIdentity(places, identity);
  if (!written.ok) return written;
  const switched = await writeEngine(places, engineOf(answer, sealed));
  return switched.ok ? ok({ ...identity, isNew: true }) : switched;
}

/** The server that this data directory holds; undefined: none. The error: it is another one than is to join. */
async function presentServer(
  places: ServerPlaces,
  pki: PkiDirectory,
  { name, host, port, authorityHash }: JoinServerOptions,
): Promise<Result<ServerIdentity | undefined, string>> {
  const engine = await readEngine(places);
  if (!engine.ok) return engine;
  const identity = await readIdentity(places);
  if (!identity.ok) return identity;
  if (engine.value === undefined || identity.value === undefined) return ok(undefined);
  const { value } = identity;
  const trusted = await pki.readTrusted("ca");
  if (!trusted.ok) return trusted;
  const isSame =
    value.name === name &&
    value.host === host &&
    value.port === port &&
    findAuthority(trusted.value ?? "", authorityHash).ok;
  if (isSame) return ok(value);
  return err(
    `${places.dataDirectory} is that of server ${value.id} "${value.name}" already; run it, or empty the folder to join anew`,
  );
}

function engineOf(answer: ServerJoinAnswer, sealed: SealedKeys): StoreEngine {
  const endpoints = answer.clientUrls;
  if (sealed.members === "own") return { version: 1, engine: "etcd", endpoints, joining: true };
  const given = sealed.etcdCertificates === undefined ? {} : { certificates: "given" as const };
  return { version: 1, engine: "etcd", endpoints, ...given, joining: false };
}

interface Asked {
  readonly answer: ServerJoinAnswer;
  readonly keys: Keys;
}

/** Makes keys, and has a server of the cluster let this machine in. */
async function ask(options: JoinServerOptions): Promise<Result<Asked, string>> {
  const { dataDirectory, name, host, port, token, version } = options;
  const servers = await findServers(options.servers, options.authorityHash);
  if (!servers.ok) return servers;
  const identity = await keptIdentity(dataDirectory);
  if (!identity.ok) return identity;
  const names = namesOfServer({ id: "0", name, host, loadBalancer: undefined });
  const own = await createKeyAndRequest(names);
  if (!own.ok) return own;
  const etcd = await createKeyAndRequest(names);
  if (!etcd.ok) return etcd;
  const body = {
    ...{ token, name, host, port, version },
    identity: identity.value,
    requestPem: own.value.requestPem,
    etcdRequestPem: etcd.value.requestPem,
  };
  const answer = await post(servers.value, "/v1/join/server", body, serverJoinAnswerSchema);
  if (!answer.ok) return answer;
  return ok({ answer: answer.value, keys: { own: own.value, etcd: etcd.value } });
}

/** The secret part of `hfj_<id>_<secret>`; the secret itself may hold an underscore. */
function secretOf(token: string): string {
  return token.split("_").slice(2).join("_");
}

interface Keys {
  readonly own: KeyAndRequest;
  readonly etcd: KeyAndRequest;
}

/** In this order: what is trusted, then the authorities' keys, then what was issued. */
async function storeCertificates(
  pki: PkiDirectory,
  clock: Clock,
  { answer, sealed, keys }: Asked & { readonly sealed: SealedKeys },
): Promise<Result<void, string>> {
  const steps: (() => Promise<Result<void, string>>)[] = [
    () => pki.writeTrusted("ca", answer.authorityPem),
    () => pki.writeTrusted("etcd-ca", answer.etcdAuthorityPem),
    () => pki.writeAuthorityKey("ca", sealed.authorityKeyPem),
    () => pki.writeAuthorityKey("etcd-ca", sealed.etcdAuthorityKeyPem),
    () =>
      pki.writePair("server", {
        keyPem: keys.own.keyPem,
        certificatePem: answer.certificatePem,
      }),
    () =>
      pki.writePair("etcd", {
        keyPem: keys.etcd.keyPem,
        certificatePem: answer.etcdCertificatePem,
      }),
    () => writeRevocations(pki, clock, []),
  ];
  for (const step of steps) {
    const done = await step();
    if (!done.ok) return done;
  }
  return ok(undefined);
}
