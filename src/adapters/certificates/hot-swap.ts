/** TLS servers change their certificate and their trust while they run: open connections stay, new ones see the new. */
import type { SecureContextOptions, Server } from "node:tls";
import { err, ok, type Result } from "../../core/result.ts";
import type { KeyAndCertificate } from "../../ports/certificates.ts";
import { authoritiesIn, checkPair } from "./pem.ts";

/** What one side of a TLS connection shows, and whom it trusts (one authority or several in one text). */
export interface TlsMaterial extends KeyAndCertificate {
  readonly authorityPem: string;
}

/** The material in the words of node:tls and node:https, for servers and clients alike. */
export function tlsOptionsOf(material: TlsMaterial): SecureContextOptions {
  return {
    key: material.keyPem,
    cert: material.certificatePem,
    ca: material.authorityPem,
    minVersion: "TLSv1.2",
  };
}

/**
 * From the next handshake on the server (of node:tls or node:https) shows and trusts this. Sessions of before cannot be
 * resumed, so that nobody gets in by an authority that is no longer trusted. What does not fit is refused, and the
 * server keeps what it had.
 */
export function swapCertificate(server: Server, material: TlsMaterial): Result<void, string> {
  const pair = checkPair(material);
  if (!pair.ok) return err(`the new certificate is refused: ${pair.error}`);
  // Without any authority Node.js would trust those of the public internet.
  const trusted = authoritiesIn(material.authorityPem);
  if (!trusted.ok) return err(`the new authorities are refused: ${trusted.error}`);
  server.setSecureContext(tlsOptionsOf(material));
  return ok(undefined);
}
