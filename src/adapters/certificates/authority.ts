/** A certificate authority: it signs other machines' keys under names that it decides itself. */
import "reflect-metadata";
import { createPublicKey, randomBytes } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  Pkcs10CertificateRequest,
  type PublicKey,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
  X509CrlGenerator,
} from "@peculiar/x509";
import { assert } from "../../core/assert.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type {
  Authority,
  IssuedCertificate,
  IssueOrder,
  KeyAndCertificate,
} from "../../ports/certificates.ts";
import { inspectCertificate } from "./inspect-certificate.ts";
import { createKey, isOurKind, keyPairOf, signingAlgorithm } from "./keys.ts";
import { alternativeNames, checkNames, subjectOf } from "./names.ts";
import { authoritiesIn, pemLengthMax, pemOfKey, privateKeyIn } from "./pem.ts";

const tenYearsMs = 3_652 * 86_400_000;
/** A certificate counts from a little before now, for machines whose clock is behind. */
const backdatedForMsMax = 300_000;

export interface NewAuthority {
  readonly commonName: string;
  /** Default: ten years. */
  readonly lifeMs?: number;
  /** Wall clock. */
  readonly nowMs: number;
}

/** Makes an authority: a new key, and a certificate that it signs itself. */
export async function createAuthority(options: NewAuthority): Promise<KeyAndCertificate> {
  const { commonName, lifeMs = tenYearsMs, nowMs } = options;
  const names = { commonName, uris: [], dnsNames: [], addresses: [] };
  assert(checkNames(names).ok, "an authority's name can stand in a certificate");
  assert(lifeMs > 0, "an authority has a life");
  const key = await createKey();
  const keys = keyPairOf(key);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: subjectOf(commonName),
    notBefore: new Date(beginOf(nowMs, lifeMs)),
    notAfter: new Date(nowMs + lifeMs),
    signingAlgorithm,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { keyPem: pemOfKey(key), certificatePem: `${certificate.toString("pem")}\n` };
}

/**
 * Takes up an authority from its key. The certificate text may hold several authorities, as it does while one takes
 * another's place: the one of this key is taken.
 */
export function openAuthority(stored: KeyAndCertificate): Result<Authority, string> {
  const key = privateKeyIn(stored.keyPem);
  if (!key.ok) return err(`the authority's key cannot be used: ${key.error}`);
  if (!isOurKind(key.value)) return err("the authority's key is not an ECDSA key on P-256");
  const all = authoritiesIn(stored.certificatePem);
  if (!all.ok) return err(`the authority's certificate cannot be used: ${all.error}`);
  const own = all.value.find((each) => each.checkPrivateKey(key.value));
  if (own === undefined)
    return err("no certificate of an authority belongs to the authority's key");
  const signer = {
    certificate: new X509Certificate(new Uint8Array(own.raw)),
    privateKey: keyPairOf(key.value).privateKey,
  };
  return ok({
    certificatePem: own.toString(),
    issue: (order) => issue(signer, order),
    revocationList: (list) => revocationList(signer, list),
  });
}

interface Signer {
  readonly certificate: X509Certificate;
  readonly privateKey: ReturnType<typeof keyPairOf>["privateKey"];
}

async function issue(
  signer: Signer,
  order: IssueOrder,
): Promise<Result<IssuedCertificate, string>> {
  const names = checkNames(order.subject);
  if (!names.ok) return names;
  const span = spanOf(signer, order);
  if (!span.ok) return span;
  const publicKey = await requestedKey(order.requestPem);
  if (!publicKey.ok) return publicKey;
  const alternatives = alternativeNames(order.subject);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: subjectOf(order.subject.commonName),
    issuer: signer.certificate.subjectName,
    ...span.value,
    signingAlgorithm,
    publicKey: publicKey.value,
    signingKey: signer.privateKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(usagesOf(order.use)),
      await SubjectKeyIdentifierExtension.create(publicKey.value),
      await AuthorityKeyIdentifierExtension.create(signer.certificate.publicKey),
      ...(alternatives === undefined ? [] : [alternatives]),
    ],
  });
  const certificatePem = `${certificate.toString("pem")}\n`;
  const facts = inspectCertificate(certificatePem);
  return facts.ok ? ok({ certificatePem, facts: facts.value }) : facts;
}

function spanOf(
  { certificate }: Signer,
  { nowMs, lifeMs, covers }: IssueOrder,
): Result<{ readonly notBefore: Date; readonly notAfter: Date }, string> {
  assert(lifeMs > 0, "a certificate has a life");
  const endMs = certificate.notAfter.getTime();
  if (nowMs >= endMs) {
    return err(`the certificate authority has expired on ${certificate.notAfter.toISOString()}`);
  }
  // What such a clock signs is over, or nearly so, the moment the clock is set.
  if (nowMs < certificate.notBefore.getTime()) {
    return err(
      `the clock of this machine is wrong, set it: it says ${new Date(nowMs).toISOString()}, and the certificate authority counts from ${certificate.notBefore.toISOString()}`,
    );
  }
  const beginMs = beginOf(nowMs, lifeMs);
  const wantedEndMs = nowMs + lifeMs;
  return ok({
    notBefore: new Date(Math.min(beginMs, covers?.notBeforeMs ?? beginMs)),
    notAfter: new Date(Math.min(Math.max(wantedEndMs, covers?.notAfterMs ?? wantedEndMs), endMs)),
  });
}

/** A tenth of the life at most, so that a certificate of short life is not due for rotation when it is new. */
function beginOf(nowMs: number, lifeMs: number): number {
  return nowMs - Math.min(backdatedForMsMax, lifeMs / 10);
}

function usagesOf(use: IssueOrder["use"]): string[] {
  return use === "client"
    ? [ExtendedKeyUsage.clientAuth]
    : [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth];
}

/** The public key of a request whose sender has proved, by its signature, to have the private one. */
async function requestedKey(requestPem: string): Promise<Result<PublicKey, string>> {
  if (requestPem.length > pemLengthMax) return err("the certificate request is too long");
  try {
    const request = new Pkcs10CertificateRequest(requestPem);
    const der = Buffer.from(request.publicKey.rawData);
    if (!isOurKind(createPublicKey({ key: der, format: "der", type: "spki" }))) {
      return err("the certificate request is not for an ECDSA key on P-256");
    }
    if (!(await request.verify())) {
      return err("the certificate request was not signed with its own key");
    }
    return ok(request.publicKey);
  } catch {
    return err("the certificate request cannot be read"); // the parser's own words help nobody
  }
}

async function revocationList(
  { certificate, privateKey }: Signer,
  list: Parameters<Authority["revocationList"]>[0],
): Promise<string> {
  const crl = await X509CrlGenerator.create({
    issuer: certificate.subjectName,
    thisUpdate: new Date(list.nowMs),
    nextUpdate: new Date(list.nextUpdateMs),
    entries: list.revoked.map(({ serial, atMs }) => ({
      serialNumber: serial,
      revocationDate: new Date(atMs),
    })),
    extensions: [await AuthorityKeyIdentifierExtension.create(certificate.publicKey)],
    signingAlgorithm,
    signingKey: privateKey,
  });
  // The list's own toString("pem") writes "BEGIN CRL", which neither OpenSSL nor etcd knows.
  return `${PemConverter.encode(crl.rawData, "X509 CRL")}\n`;
}

/** 126 random bits, positive and of full length, so that all programs write the same number the same way. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString("hex");
}
