/**
 * Certificates for etcd that others run: they are given once, kept in the data directory, and handed on to servers that
 * join. Whoever runs that etcd may put other files in their place; they are read anew for each new connection.
 */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { makePrivateFolder, replaceFile } from "../../adapters/certificates/durable-file.ts";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { ServerPlaces } from "../server-files.ts";

/** As PEM text. */
export const etcdCertificatesSchema: z.ZodObject<{
  caPem: z.ZodString;
  certificatePem: z.ZodString;
  keyPem: z.ZodString;
}> = z.strictObject({
  /** Authorities that its members' certificates are checked with. */
  caPem: z.string().min(1),
  /** What a server shows to it. */
  certificatePem: z.string().min(1),
  keyPem: z.string().min(1),
});
export type EtcdCertificates = z.output<typeof etcdCertificatesSchema>;

/** Etcd that others run. */
export interface ForeignEtcd {
  /** Undefined: it is plain http, or takes the control plane's own. Throws where they cannot be read. */
  certificates(): EtcdCertificates | undefined;
}

const fileNames = { caPem: "ca.crt", certificatePem: "client.crt", keyPem: "client.key" } as const;

/** Keeps them in the data directory; undefined: there are none. */
export async function keepGivenCertificates(
  places: ServerPlaces,
  given: EtcdCertificates | undefined,
): Promise<Result<void, string>> {
  if (given === undefined) return ok(undefined);
  const folder = places.givenCertificates;
  try {
    await makePrivateFolder(folder);
    await replaceFile(join(folder, fileNames.caPem), given.caPem, 0o644);
    await replaceFile(join(folder, fileNames.certificatePem), given.certificatePem, 0o644);
    await replaceFile(join(folder, fileNames.keyPem), given.keyPem, 0o600);
    return ok(undefined);
  } catch (error: unknown) {
    return err(`cannot write to ${folder}: ${sentenceOfSystemError(error)}`);
  }
}

/** As they are now. Throws what the system says: a new connection then keeps to those of before. */
export function readGivenCertificates({ givenCertificates }: ServerPlaces): EtcdCertificates {
  const read = (name: string): string => readFileSync(join(givenCertificates, name), "utf8");
  return {
    caPem: read(fileNames.caPem),
    certificatePem: read(fileNames.certificatePem),
    keyPem: read(fileNames.keyPem),
  };
}

/** Where a person says that they are. */
export interface CertificateFiles {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** Reads files that a person has named. */
export async function loadCertificates(
  files: CertificateFiles,
): Promise<Result<EtcdCertificates, string>> {
  const texts: string[] = [];
  for (const path of [files.ca, files.certificate, files.key]) {
    try {
      texts.push(await readFile(path, "utf8"));
    } catch (error: unknown) {
      return err(`cannot read ${path}: ${sentenceOfSystemError(error)}`);
    }
  }
  const [caPem, certificatePem, keyPem] = texts;
  const parsed = etcdCertificatesSchema.safeParse({ caPem, certificatePem, keyPem });
  return parsed.success ? ok(parsed.data) : err("a file with etcd's certificates is empty");
}
