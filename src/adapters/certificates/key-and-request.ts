/** A holder's own key, and the request by which it asks an authority for a certificate. */
import "reflect-metadata";
import { Pkcs10CertificateRequestGenerator } from "@peculiar/x509";
import { ok, type Result } from "../../core/result.ts";
import type { CertificateNames, KeyAndRequest } from "../../ports/certificates.ts";
import { createKey, isOurKind, keyPairOf, signingAlgorithm } from "./keys.ts";
import { alternativeNames, checkNames, subjectOf } from "./names.ts";
import { pemOfKey, privateKeyIn } from "./pem.ts";

/**
 * Makes a request, with a new key, or with `keyPem` where that is a key of ours. The names in it are what the holder
 * goes by; the authority decides by itself what it puts into the certificate. The error names what cannot be a name.
 */
export async function createKeyAndRequest(
  names: CertificateNames & { readonly keyPem?: string | undefined },
): Promise<Result<KeyAndRequest, string>> {
  const checked = checkNames(names);
  if (!checked.ok) return checked;
  const kept = names.keyPem === undefined ? undefined : privateKeyIn(names.keyPem);
  const key = kept?.ok === true && isOurKind(kept.value) ? kept.value : await createKey();
  const alternatives = alternativeNames(names);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: subjectOf(names.commonName),
    extensions: alternatives === undefined ? [] : [alternatives],
    signingAlgorithm,
    keys: keyPairOf(key),
  });
  return ok({ keyPem: pemOfKey(key), requestPem: `${request.toString("pem")}\n` });
}
