/** The names in a certificate: checked before they are signed, because others will believe them. */
import "reflect-metadata";
import { isIP } from "node:net";
import { type JsonGeneralNames, Name, SubjectAlternativeNameExtension } from "@peculiar/x509";
import { err, ok, type Result } from "../../core/result.ts";
import type { CertificateNames } from "../../ports/certificates.ts";

/** Longest common name (RFC 5280, ub-common-name). */
const commonNameLengthMax = 64;
/** Longest DNS name in characters, also the bound for URIs. */
const nameLengthMax = 253;
/** Names in one certificate; a server has its host's few, and the balancer's. */
const namesMax = 64;

const uriPattern = /^[a-z][a-z0-9+.-]*:[A-Za-z0-9._:/-]+$/;
const dnsPattern = /^(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$/;

/** The names themselves, or the first that cannot stand in a certificate. */
export function checkNames(names: CertificateNames): Result<CertificateNames, string> {
  const { commonName, uris, dnsNames, addresses } = names;
  if (commonName === "" || commonName.length > commonNameLengthMax) {
    return err(`a common name has 1 to ${commonNameLengthMax} characters: "${commonName}"`);
  }
  if (uris.length + dnsNames.length + addresses.length > namesMax) {
    return err(`a certificate has ${namesMax} names at most`);
  }
  const uri = uris.find((each) => each.length > nameLengthMax || !uriPattern.test(each));
  if (uri !== undefined) return err(`"${uri}" cannot be a URI in a certificate`);
  const dns = dnsNames.find((each) => each.length > nameLengthMax || !isDnsName(each));
  if (dns !== undefined) return err(`"${dns}" is no DNS name`);
  // A zone, as in fe80::1%eth0, means something on its own machine only.
  const address = addresses.find((each) => isIP(each) === 0 || each.includes("%"));
  if (address !== undefined) return err(`"${address}" is no IP address`);
  return ok(names);
}

/** An address in the place of a name would be believed by some clients and not by others. */
function isDnsName(text: string): boolean {
  return dnsPattern.test(text) && !text.includes("..") && isIP(text) === 0;
}

/** A subject that has a common name only. */
export function subjectOf(commonName: string): Name {
  return new Name([{ CN: [{ utf8String: commonName }] }]);
}

/** The extension with all names save the common one; undefined: there are none. */
export function alternativeNames(
  names: CertificateNames,
): SubjectAlternativeNameExtension | undefined {
  const all: JsonGeneralNames = [
    ...names.uris.map((value) => ({ type: "url" as const, value })),
    ...names.dnsNames.map((value) => ({ type: "dns" as const, value })),
    ...names.addresses.map((value) => ({ type: "ip" as const, value })),
  ];
  return all.length === 0 ? undefined : new SubjectAlternativeNameExtension(all);
}
