/**
 * A server's authorities and certificates: two authorities, so that what opens the API does not open the store's
 * members. Every server has both keys, so that the loss of one server costs nothing.
 */

import { isIP } from "node:net";
import { createAuthority, openAuthority } from "../adapters/certificates/authority.ts";
import { createKeyAndRequest } from "../adapters/certificates/key-and-request.ts";
import { signStatement } from "../adapters/certificates/statement.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { AuthorityName, CertificateNames, PkiDirectory } from "../ports/certificates.ts";
import type { Clock } from "../ports/clock.ts";
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

interface Order {
  readonly requestPem: string;
  readonly subject: CertificateNames;
  readonly use: "server-and-client" | "client";
}

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
