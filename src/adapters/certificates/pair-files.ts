/**
 * A key and its certificate as two files that change in one moment, although no file system can rename two. Both lie
 * in a numbered folder (`server.7/`); the link `server.now` names the folder that counts, and one rename of it changes
 * both. `server.crt` and `server.key` are links through it, for whoever reads files of these names.
 */
import { mkdir, readdir, readlink, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { KeyAndCertificate, PairName } from "../../ports/certificates.ts";
import { readIfThere, replaceFile, syncFolder } from "./durable-file.ts";

/** A reader that meets a change begins anew; more changes than this in one reading do not happen. */
const readAttemptsMax = 5;
const halves = ["crt", "key"] as const;

/**
 * Both texts as they are now, unchecked; undefined: there is no pair. Plain files that somebody put there count until
 * the first change. Throws what the system says.
 */
export async function readPairFiles(
  pki: string,
  pair: PairName,
): Promise<KeyAndCertificate | undefined> {
  for (let attempt = 0; attempt < readAttemptsMax; attempt += 1) {
    const folder = await currentFolder(pki, pair);
    const from = folder === undefined ? pki : join(pki, folder);
    const [certificatePem, keyPem] = await Promise.all(
      halves.map((half) => readIfThere(join(from, `${pair}.${half}`))),
    );
    if (certificatePem !== undefined && keyPem !== undefined) return { certificatePem, keyPem };
    if (folder === (await currentFolder(pki, pair))) {
      const there = certificatePem ?? keyPem;
      if (there === undefined && folder === undefined) return undefined;
      throw new Error(`the ${keyPem === undefined ? "key" : "certificate"} is missing`);
    }
  }
  throw new Error("it changes all the time");
}

/** Puts a new pair in the place of the old one; it is on the disk when this returns. Throws what the system says. */
export async function replacePairFiles(
  pki: string,
  pair: PairName,
  { keyPem, certificatePem }: KeyAndCertificate,
): Promise<void> {
  const present = await currentFolder(pki, pair);
  const folder = `${pair}.${numberOf(present) + 1}`;
  await rm(join(pki, folder), { recursive: true, force: true });
  await mkdir(join(pki, folder), { mode: 0o700 });
  await replaceFile(join(pki, folder, `${pair}.crt`), certificatePem, 0o644);
  await replaceFile(join(pki, folder, `${pair}.key`), keyPem, 0o600);
  await replaceLink(join(pki, `${pair}.now`), folder);
  await repairLinks(pki, pair);
  for (const name of await readdir(pki)) {
    const isOld = name !== folder && numberOf(name) > 0 && name.startsWith(`${pair}.`);
    if (isOld) await rm(join(pki, name), { recursive: true, force: true });
  }
}

/** Makes `server.crt` and `server.key` lead to the folder that counts, where a crash came before that was done. */
export async function repairLinks(pki: string, pair: PairName): Promise<void> {
  if ((await currentFolder(pki, pair)) === undefined) return;
  for (const half of halves) {
    const target = join(`${pair}.now`, `${pair}.${half}`);
    const path = join(pki, `${pair}.${half}`);
    if ((await linkTarget(path)) !== target) await replaceLink(path, target);
  }
}

async function currentFolder(pki: string, pair: PairName): Promise<string | undefined> {
  const folder = await linkTarget(join(pki, `${pair}.now`));
  if (folder === undefined || (folder.startsWith(`${pair}.`) && numberOf(folder) > 0))
    return folder;
  throw new Error(`the link "${pair}.now" leads to "${folder}" instead of a folder beside it`);
}

/** 0: the name is not that of a numbered folder. */
function numberOf(folder: string | undefined): number {
  return Number(/^[a-z]+\.([1-9]\d{0,14})$/.exec(folder ?? "")?.[1] ?? 0);
}

/** undefined: there is no such link, or it is a file. */
async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error: unknown) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "EINVAL") return undefined;
    throw error;
  }
}

async function replaceLink(path: string, target: string): Promise<void> {
  const draft = `${path}.new`;
  await rm(draft, { force: true });
  await symlink(target, draft);
  await rename(draft, path);
  await syncFolder(join(path, ".."));
}
