/**
 * A server's authorities and certificates: two authorities, so that what opens the API does not open the store's
 * members. Every server has both keys, so that the loss of one server costs nothing.
 */

import { isIP } from "node:net";
import { createAuthority, openAuthority } from "../adapters/certificates/authority.ts";
import { inspectCertificate } from "../adapters/certificates/inspect-certificate.ts";
import { createKeyAndRequest } from "../adapters/certificates/key-and-request.ts";
import { signStatement } from "../adapters/certificates/statement.ts";
import { isCounting } from "../core/certificate-life.ts";
import { err, ok, type Result } from "../core/result.ts";
import type {
  AuthorityName,
  CertificateFacts,
  CertificateNames,
  IssueOrder,
  PkiDirectory,
} from "../ports/certificates.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { ServerCertificates, ServerHolder } from "../server/control-plane/control-plane.ts";
import { packageStatement } from "../wire/packages/package-file.ts";
import { canonicalHost } from "./place/names.ts";

const authorityNames = { ca: "Holdfast authority", "etcd-ca": "Holdfast store authority" } as const;
/** A server's or agent's certificate lives a year, and is issued anew after two thirds of it. */
const leafLifeMs = 31_536_000_000;
/** How long a list of revoked certificates may be used; it is written anew with each change and at each start. */
const revocationListMs = 315_360_000_000;

/** Makes the two authorities where there are none yet. Can be repeated after an interruption. */
export async function createAuthorities(
  pki: PkiDirectory,
  clock: Clock,
): Promise<Result<void, string>> {
  for (const name of ["ca", "etcd-ca"] as const) {
    const present = await pki.readAuthority(name);
    if (!present.ok) return present;
    if (present.value !== undefined) continue;
    const made = await createAuthority({ commonName: authorityNames[name], nowMs: clock.wallMs() });
    const trusted = await pki.writeTrusted(name, made.certificatePem);
    if (!trusted.ok) return trusted;
    const kept = await pki.writeAuthorityKey(name, made.keyPem);
    if (!kept.ok) return kept;
  }
  return await writeRevocations(pki, clock, []);
}

/** What issues certificates on this machine. */
export interface Issuer {
  readonly pki: PkiDirectory;
  readonly clock: Clock;
  /** Of the certificates that it issues; default: a year. */
  readonly lifeMs?: number | undefined;
}

/** Tells etcd which of its certificates count no longer. */
export async function writeRevocations(
  pki: PkiDirectory,
  clock: Clock,
  revoked: readonly { readonly serial: string; readonly atMs: number }[],
): Promise<Result<void, string>> {
  const stored = await pki.readAuthority("etcd-ca");
  if (!stored.ok) return stored;
  if (stored.value === undefined) return err("the key of the store's authority is not here");
  const authority = openAuthority(stored.value);
  if (!authority.ok) return authority;
  const nowMs = clock.wallMs();
  const list = { revoked, nowMs, nextUpdateMs: nowMs + revocationListMs };
  return await pki.writeRevocationList(await authority.value.revocationList(list));
}

/** What a server's two certificates say: how it is reached, and who it is. */
export function namesOfServer(holder: ServerHolder): CertificateNames {
  const balancerHost = holder.loadBalancer?.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  const hosts = [holder.host, holder.name, "localhost", "127.0.0.1", "::1", balancerHost];
  const known = [...new Set(hosts.filter((host) => host !== undefined).map(canonicalHost))];
  return {
    commonName: holder.name,
    uris: [`holdfast:server:${holder.id}`],
    dnsNames: known.filter((host) => isIP(host) === 0),
    addresses: known.filter((host) => isIP(host) !== 0),
  };
}

/** Signs two requests of a server. The error is about the requests, or says that a key is not here. */
export async function issueForServer(
  issuer: Issuer,
  requests: { readonly requestPem: string; readonly etcdRequestPem: string },
  holder: ServerHolder,
): Promise<Result<ServerCertificates, string>> {
  const subject = namesOfServer(holder);
  const order = { subject, use: "server-and-client" } as const;
  const certificate = await issue(issuer, "ca", { ...order, requestPem: requests.requestPem });
  if (!certificate.ok) return certificate;
  const etcd = await issue(issuer, "etcd-ca", { ...order, requestPem: requests.etcdRequestPem });
  if (!etcd.ok) return etcd;
  return ok({ certificatePem: certificate.value, etcdCertificatePem: etcd.value });
}

/** The pairs that a server has. */
export type ServerPair = "server" | "etcd";

const authorityOf = { server: "ca", etcd: "etcd-ca" } as const;

/** Signs a request of this server itself for one pair, by its own clock, which may be wrong. */
export async function reissueForServer(
  issuer: Issuer,
  { pair, requestPem }: { readonly pair: ServerPair; readonly requestPem: string },
  holder: ServerHolder,
): Promise<Result<string, string>> {
  const kept = await factsOfPair(issuer.pki, pair);
  const isToCome = kept !== undefined && issuer.clock.wallMs() < kept.notBeforeMs;
  // A clock that is set next must not find a certificate that is over where a good one was.
  const covers = isToCome ? kept : undefined;
  const order = { subject: namesOfServer(holder), use: "server-and-client", covers } as const;
  return await issue(issuer, authorityOf[pair], { ...order, requestPem });
}

/**
 * Signs anew, with the names that they have, the pairs that do not count at a start, e.g. because the server was off
 * past their end: no member of the store would let it in to where certificates are kept fresh. Where it cannot be done
 * all stays as it is, and the log says why.
 */
export async function renewEndedPairs(issuer: Issuer, log: Log): Promise<void> {
  for (const pair of ["server", "etcd"] as const) {
    const kept = await factsOfPair(issuer.pki, pair);
    if (kept === undefined || isCounting({ ...kept, nowMs: issuer.clock.wallMs() })) continue;
    const renewed = await renewPair(issuer, pair, kept);
    const from = new Date(kept.notBeforeMs).toISOString();
    const span = `the one before counts from ${from} until ${new Date(kept.notAfterMs).toISOString()}`;
    const what = `the certificate "${pair}" does not count now and`;
    if (renewed.ok) log.write("info", `${what} is signed anew: ${span}`);
    else log.write("warn", `${what} cannot be renewed: ${renewed.error}; ${span}`);
  }
}

async function renewPair(
  issuer: Issuer,
  pair: ServerPair,
  kept: CertificateFacts,
): Promise<Result<void, string>> {
  const made = await createKeyAndRequest(kept);
  if (!made.ok) return made;
  const { keyPem, requestPem } = made.value;
  const order = { requestPem, subject: kept, use: "server-and-client", covers: kept } as const;
  const certificatePem = await issue(issuer, authorityOf[pair], order);
  if (!certificatePem.ok) return certificatePem;
  return await issuer.pki.writePair(pair, { keyPem, certificatePem: certificatePem.value });
}

/** undefined: it is missing or cannot be read, about which others complain. */
async function factsOfPair(
  pki: PkiDirectory,
  pair: ServerPair,
): Promise<CertificateFacts | undefined> {
  const read = await pki.readPair(pair);
  if (!read.ok || read.value === undefined) return undefined;
  const facts = inspectCertificate(read.value.certificatePem);
  return facts.ok ? facts.value : undefined;
}

/** Signs a node's request: its agent may show the certificate to servers, and cannot pose as one. */
export function issueForNode(
  issuer: Issuer,
  requestPem: string,
  holder: { readonly node: string; readonly identity: string },
): Promise<Result<string, string>> {
  const uris = [`holdfast:node:${holder.node}:${holder.identity}`];
  const subject = { commonName: holder.node, uris, dnsNames: [], addresses: [] };
  return issue(issuer, "ca", { subject, use: "client", requestPem });
}

/** Signs that a package of Holdfast is one that this cluster's agents may run. */
export async function signPackage(
  { pki }: Pick<Issuer, "pki">,
  about: { readonly sha256: string; readonly version: string },
): Promise<Result<string, string>> {
  const stored = await pki.readAuthority("ca");
  if (!stored.ok) return stored;
  if (stored.value === undefined) return err('the key of the authority "ca" is not here');
  return signStatement(stored.value.keyPem, packageStatement(about));
}

type Order = Pick<IssueOrder, "requestPem" | "subject" | "use" | "covers">;

async function issue(
  { pki, clock, lifeMs = leafLifeMs }: Issuer,
  name: AuthorityName,
  order: Order,
): Promise<Result<string, string>> {
  const stored = await pki.readAuthority(name);
  if (!stored.ok) return stored;
  if (stored.value === undefined) return err(`the key of the authority "${name}" is not here`);
  const authority = openAuthority(stored.value);
  if (!authority.ok) return authority;
  const issued = await authority.value.issue({ ...order, lifeMs, nowMs: clock.wallMs() });
  return issued.ok ? ok(issued.value.certificatePem) : issued;
}

/** Makes keys for this server and has them signed by the authorities that are here. */
export async function certifySelf(
  issuer: Issuer,
  holder: ServerHolder,
): Promise<Result<void, string>> {
  const names = namesOfServer(holder);
  const own = await createKeyAndRequest(names);
  if (!own.ok) return own;
  const etcd = await createKeyAndRequest(names);
  if (!etcd.ok) return etcd;
  const requests = { requestPem: own.value.requestPem, etcdRequestPem: etcd.value.requestPem };
  const issued = await issueForServer(issuer, requests, holder);
  if (!issued.ok) return issued;
  const { pki } = issuer;
  const { certificatePem, etcdCertificatePem } = issued.value;
  const written = await pki.writePair("server", { keyPem: own.value.keyPem, certificatePem });
  if (!written.ok) return written;
  const etcdPair = { keyPem: etcd.value.keyPem, certificatePem: etcdCertificatePem };
  return await pki.writePair("etcd", etcdPair);
}
