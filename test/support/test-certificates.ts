/** A certificate authority and one certificate for loopback, made by `openssl`, for tests that need TLS. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface TestCertificates {
  readonly caFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly caPem: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

const dayCount = "2";
const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
const uses = "extendedKeyUsage=serverAuth,clientAuth";

/**
 * Writes ca.crt, ca.key, member.crt and member.key into the folder; the certificate serves both sides, at these
 * addresses.
 */
export function makeTestCertificates(
  folder: string,
  addresses: readonly string[] = ["127.0.0.1"],
): TestCertificates {
  const alternatives = [...addresses.map((address) => `IP:${address}`), "DNS:localhost"];
  const names = `subjectAltName=${alternatives.join(",")}`;
  const file = (name: string): string => join(folder, name);
  const [caFile, caKeyFile] = [file("ca.crt"), file("ca.key")];
  const [certificateFile, keyFile] = [file("member.crt"), file("member.key")];
  const request = ["req", "-x509", ...newKey, "-days", dayCount];
  openssl([...request, "-subj", "/CN=test authority", "-keyout", caKeyFile, "-out", caFile]);
  const issuer = ["-CA", caFile, "-CAkey", caKeyFile];
  const extensions = ["-addext", names, "-addext", uses, "-addext", "basicConstraints=CA:FALSE"];
  const subject = ["-subj", "/CN=test member", "-keyout", keyFile, "-out", certificateFile];
  openssl([...request, ...issuer, ...extensions, ...subject]);
  return {
    ...{ caFile, certificateFile, keyFile },
    caPem: readFileSync(caFile, "utf8"),
    certificatePem: readFileSync(certificateFile, "utf8"),
    keyPem: readFileSync(keyFile, "utf8"),
  };
}

function openssl(words: readonly string[]): void {
  execFileSync("openssl", words, { stdio: ["ignore", "ignore", "pipe"] });
}
