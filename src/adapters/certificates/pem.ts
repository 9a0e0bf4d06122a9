/** Certificates and keys as PEM texts: parsed and compared here, so that a wrong one is named and not stumbled over. */
import { createHash, createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { err, ok, type Result } from "../../core/result.ts";
import type { KeyAndCertificate } from "../../ports/certificates.ts";

/** Longest PEM text that is read, in characters: ten certificates of ours fit in. */
export const pemLengthMax = 16_384;
/** An old and a new authority, and a few more. */
const authoritiesMax = 10;

const certificateBlock = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const keyBlock = /-----BEGIN PRIVATE KEY-----[^-]*-----END PRIVATE KEY-----/;

/** All certificates in a text, at least one. Other blocks, such as a key's, are skipped. */
export function certificatesIn(pem: string): Result<readonly X509Certificate[], string> {
  if (pem.length > pemLengthMax) {
    return err(`a PEM text of ${pem.length} characters is too long: at most ${pemLengthMax}`);
  }
  const blocks = pem.match(certificateBlock) ?? [];
  if (blocks.length === 0) return err('there is no "BEGIN CERTIFICATE" block');
  try {
    return ok(blocks.map((block) => new X509Certificate(block)));
  } catch {
    return err("a certificate in it cannot be read"); // OpenSSL's own words help nobody
  }
}

/** The first certificate in a text. */
export function certificateIn(pem: string): Result<X509Certificate, string> {
  const all = certificatesIn(pem);
  if (!all.ok) return all;
  const [first] = all.value;
  return first === undefined ? err("there is no certificate") : ok(first);
}

/** The authorities in a text: one, or several while one takes another's place. */
export function authoritiesIn(pem: string): Result<readonly X509Certificate[], string> {
  const all = certificatesIn(pem);
  if (!all.ok) return all;
  if (all.value.length > authoritiesMax) {
    return err(`there are ${all.value.length} authorities: at most ${authoritiesMax}`);
  }
  const other = all.value.find((certificate) => !certificate.ca);
  if (other === undefined) return all;
  return err(`the certificate of "${other.subject}" is not that of an authority`);
}

/** The private key in a text (PKCS #8). */
export function privateKeyIn(pem: string): Result<KeyObject, string> {
  const block = pem.length > pemLengthMax ? undefined : keyBlock.exec(pem)?.[0];
  if (block === undefined) return err('there is no "BEGIN PRIVATE KEY" block');
  try {
    return ok(createPrivateKey(block));
  } catch {
    return err("the private key cannot be read"); // never quote anything of a key
  }
}

/** A private key as it is written: PKCS #8. */
export function pemOfKey(key: KeyObject): string {
  return String(key.export({ type: "pkcs8", format: "pem" }));
}

/** The pair, each half as a text of its own, when they belong together. */
export function checkPair(pair: KeyAndCertificate): Result<KeyAndCertificate, string> {
  const key = privateKeyIn(pair.keyPem);
  if (!key.ok) return key;
  const certificate = certificateIn(pair.certificatePem);
  if (!certificate.ok) return certificate;
  if (!certificate.value.checkPrivateKey(key.value)) {
    return err("the certificate does not belong to the private key");
  }
  return ok({ keyPem: pemOfKey(key.value), certificatePem: certificate.value.toString() });
}

/** Whether one of these authorities has signed the certificate. */
export function isIssuedByOneOf(
  authorities: readonly X509Certificate[],
  certificate: X509Certificate,
): boolean {
  return authorities.some(
    (authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
  );
}

/** Both texts' authorities, each once. */
export function joinTrusted(left: string, right: string): Result<string, string> {
  const all = new Map<string, string>();
  for (const pem of [left, right]) {
    const authorities = authoritiesIn(pem);
    if (!authorities.ok) return authorities;
    for (const each of authorities.value) all.set(each.fingerprint256, each.toString());
  }
  return ok([...all.values()].join(""));
}

/** `sha256:<hex>` of the public key (SubjectPublicKeyInfo) of an authority, by which a join command names it. */
export function hashOfAuthority(certificatePem: string): Result<string, string> {
  const certificate = certificateIn(certificatePem);
  return certificate.ok ? ok(hashOfKey(certificate.value)) : certificate;
}

/**
 * The one authority in a text whose public key has this hash: the only one that a machine may trust which knows
 * nothing but the hash.
 */
export function findAuthority(authorityPem: string, hash: string): Result<string, string> {
  const authorities = authoritiesIn(authorityPem);
  if (!authorities.ok) return authorities;
  const found = authorities.value.find((each) => hashOfKey(each) === hash.toLowerCase());
  if (found !== undefined) return ok(found.toString());
  const hashes = authorities.value.map(hashOfKey).join(", ");
  return err(`the server's authority has the hash ${hashes}, and not ${hash}`);
}

function hashOfKey(certificate: X509Certificate): string {
  const der = certificate.publicKey.export({ type: "spki", format: "der" });
  return `sha256:${createHash("sha256").update(der).digest("hex")}`;
}
