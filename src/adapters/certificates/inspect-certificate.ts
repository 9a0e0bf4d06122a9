/**
 * What a certificate says, read from its DER form. The texts that Node.js makes of alternative names are not parsed:
 * their quoting has let one name pass for two before.
 */
import "reflect-metadata";
import type { DetailedPeerCertificate, PeerCertificate } from "node:tls";
import { SubjectAlternativeNameExtension, X509Certificate } from "@peculiar/x509";
import { type CertificateHolder, holderOfUris } from "../../core/model/certificate-holder.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { CertificateFacts } from "../../ports/certificates.ts";
import { certificateIn } from "./pem.ts";

/** Largest certificate that is looked into, in bytes. */
const certificateBytesMax = 16_384;

/** What the first certificate in a PEM text says. */
export function inspectCertificate(pem: string): Result<CertificateFacts, string> {
  const found = certificateIn(pem);
  return found.ok ? factsOf(found.value.raw) : found;
}

/** Whom the other side of a TLS connection is, after TLS has verified its certificate. The error says why it is nobody. */
export function identityOf(
  peer: PeerCertificate | DetailedPeerCertificate,
): Result<CertificateHolder, string> {
  // Without a certificate Node.js gives an empty object, whatever its type says.
  const raw: Buffer | undefined = peer.raw;
  if (raw === undefined) return err("there is no certificate");
  const facts = factsOf(raw);
  return facts.ok ? holderOfUris(facts.value.uris) : facts;
}

function factsOf(der: Uint8Array): Result<CertificateFacts, string> {
  if (der.byteLength > certificateBytesMax) return err("the certificate is too large");
  try {
    const certificate = new X509Certificate(new Uint8Array(der));
    const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
    const ofType = (type: string): readonly string[] =>
      names.filter((name) => name.type === type).map((name) => name.value);
    return ok({
      commonName: certificate.subjectName.getField("CN")[0] ?? "",
      uris: ofType("url"),
      dnsNames: ofType("dns"),
      addresses: ofType("ip"),
      serial: certificate.serialNumber.toLowerCase(),
      notBeforeMs: certificate.notBefore.getTime(),
      notAfterMs: certificate.notAfter.getTime(),
    });
  } catch {
    return err("the certificate cannot be read"); // the parser's own words help nobody
  }
}
