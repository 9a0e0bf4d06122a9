/** What a backup holds of a server's own files: who it is, the authorities with their keys, its certificates, the token. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { hashOfAuthority } from "../../adapters/certificates/pem.ts";
import { openPkiDirectory } from "../../adapters/certificates/pki-directory.ts";
import type { BackupFile, ServerSecrets } from "../../backup/item.ts";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { PkiDirectory } from "../../ports/certificates.ts";

const ownNames = ["server-identity.json", "server-id", "admin.token"];

/** Reads them as they are now. The error names a file. */
export async function readServerSecrets(
  dataDirectory: string,
): Promise<Result<ServerSecrets, string>> {
  const files: BackupFile[] = [];
  for (const name of ownNames) {
    const text = await readIfThere(join(dataDirectory, name));
    if (!text.ok) return text;
    if (text.value !== undefined) files.push({ name, text: text.value });
  }
  if (!files.some(({ name }) => name === "server-identity.json")) {
    return ok({ files, cluster: undefined });
  }
  const pki = await openPkiDirectory(dataDirectory);
  if (!pki.ok) return pki;
  const certificates = await readPki(pki.value);
  if (!certificates.ok) return certificates;
  const authority = certificates.value.find(({ name }) => name === "pki/ca.crt");
  const hash = authority === undefined ? undefined : hashOfAuthority(authority.text);
  if (hash?.ok === false) return hash;
  return ok({ files: [...files, ...certificates.value], cluster: hash?.value });
}

async function readPki(pki: PkiDirectory): Promise<Result<readonly BackupFile[], string>> {
  const files: BackupFile[] = [];
  for (const name of ["ca", "etcd-ca"] as const) {
    const authority = await pki.readAuthority(name);
    if (!authority.ok) return authority;
    if (authority.value === undefined) return err(`the key of the authority "${name}" is not here`);
    files.push({ name: `pki/${name}.crt`, text: authority.value.certificatePem });
    files.push({ name: `pki/${name}.key`, text: authority.value.keyPem });
  }
  for (const name of ["server", "etcd"] as const) {
    const pair = await pki.readPair(name);
    if (!pair.ok) return pair;
    if (pair.value === undefined) continue;
    files.push({ name: `pki/${name}.crt`, text: pair.value.certificatePem });
    files.push({ name: `pki/${name}.key`, text: pair.value.keyPem });
  }
  return ok(files);
}

async function readIfThere(path: string): Promise<Result<string | undefined, string>> {
  try {
    return ok(await readFile(path, "utf8"));
  } catch (error: unknown) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return ok(undefined);
    return err(`cannot read ${path}: ${sentenceOfSystemError(error)}`);
  }
}
