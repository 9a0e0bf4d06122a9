/**
 * The folder `pki/` of a data directory. The order in which certificates are changed (trust the new authority, switch,
 * drop the old one) is kept here, where nobody can get it wrong: a step that comes too early is refused.
 */
import { join } from "node:path";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type {
  AuthorityName,
  KeyAndCertificate,
  PairChange,
  PairName,
  PkiDirectory,
} from "../../ports/certificates.ts";
import { makePrivateFolder, readIfThere, replaceFile } from "./durable-file.ts";
import { readPairFiles, repairLinks, replacePairFiles } from "./pair-files.ts";
import {
  authoritiesIn,
  certificateIn,
  checkPair,
  isIssuedByOneOf,
  joinTrusted,
  privateKeyIn,
} from "./pem.ts";

/** Who vouches for whom. */
const authorityOf = { server: "ca", agent: "ca", etcd: "etcd-ca" } as const;
const pairsOf: Readonly<Record<AuthorityName, readonly PairName[]>> = {
  ca: ["server", "agent"],
  "etcd-ca": ["etcd"],
};

const pairNames: readonly PairName[] = ["server", "agent", "etcd"];

type Outcome<T> = Promise<Result<T, string>>;

/** Opens `pki/` in a data directory of this process, and makes it if needed. One process writes to it. */
export async function openPkiDirectory(dataDirectory: string): Outcome<PkiDirectory> {
  const path = join(dataDirectory, "pki");
  const made = await attempt(`cannot use the folder "${path}"`, async () => {
    await makePrivateFolder(path);
    for (const pair of pairNames) await repairLinks(path, pair);
  });
  if (!made.ok) return made;
  const files = new PkiFiles(path);
  const oneByOne = serially();
  return ok({
    pathOf: (file) => join(path, file),
    readTrusted: (authority) => files.read(`${authority}.crt`),
    writeTrusted: (authority, pem) => oneByOne(() => writeTrusted(files, authority, pem)),
    readAuthority: (authority) => readAuthority(files, authority),
    writeAuthorityKey: (authority, pem) => oneByOne(() => writeAuthorityKey(files, authority, pem)),
    readPair: (pair) => readPair(files, pair),
    writePair: (pair, change) => oneByOne(() => writePair(files, pair, change)),
    writeRevocationList: (pem) => oneByOne(() => files.write("etcd.crl", pem, "public")),
  });
}

class PkiFiles {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** undefined: there is no such file. */
  async read(name: string): Outcome<string | undefined> {
    const path = join(this.#path, name);
    return await attempt(`cannot read "${path}"`, () => readIfThere(path));
  }

  async write(name: string, text: string, kind: "public" | "secret"): Outcome<void> {
    const path = join(this.#path, name);
    const mode = kind === "secret" ? 0o600 : 0o644;
    return await attempt(`cannot write "${path}"`, () => replaceFile(path, text, mode));
  }

  async readPair(pair: PairName): Outcome<KeyAndCertificate | undefined> {
    return await attempt(`cannot read the pair "${pair}" in "${this.#path}"`, () =>
      readPairFiles(this.#path, pair),
    );
  }

  async writePair(pair: PairName, texts: KeyAndCertificate): Outcome<void> {
    return await attempt(`cannot write the pair "${pair}" in "${this.#path}"`, () =>
      replacePairFiles(this.#path, pair, texts),
    );
  }

  /** The error of something that is there and is not what it should be. */
  wrong(name: string, reason: string): { readonly ok: false; readonly error: string } {
    return err(`"${name}" in "${this.#path}" is damaged: ${reason}`);
  }
}

async function readPair(files: PkiFiles, pair: PairName): Outcome<KeyAndCertificate | undefined> {
  const texts = await files.readPair(pair);
  if (!texts.ok || texts.value === undefined) return texts;
  const checked = checkPair(texts.value);
  return checked.ok ? checked : files.wrong(pair, checked.error);
}

async function writePair(files: PkiFiles, pair: PairName, change: PairChange): Outcome<void> {
  const checked = checkPair(change);
  if (!checked.ok) return err(`the new pair "${pair}" is refused: ${checked.error}`);
  const trusted = await trustedFor(files, authorityOf[pair], change.authorityPem);
  if (!trusted.ok) return trusted;
  const { certificatePem } = checked.value;
  const vouched = checkVouched(pair, certificatePem, change.authorityPem ?? trusted.value);
  if (!vouched.ok) return vouched;
  if (change.authorityPem !== undefined) {
    const added = await files.write(`${authorityOf[pair]}.crt`, trusted.value, "public");
    if (!added.ok) return added;
  }
  const written = await files.writePair(pair, checked.value);
  if (!written.ok || change.authorityPem === undefined) return written;
  return await writeTrusted(files, authorityOf[pair], change.authorityPem);
}

/** What is trusted while a pair is changed: the present authorities, and those that come with the pair. */
async function trustedFor(
  files: PkiFiles,
  authority: AuthorityName,
  added: string | undefined,
): Outcome<string> {
  const present = await files.read(`${authority}.crt`);
  if (!present.ok) return present;
  if (present.value !== undefined && added !== undefined) return joinTrusted(present.value, added);
  const trusted = present.value ?? added;
  return trusted === undefined
    ? err(`there is no "${authority}.crt" yet: write it first`)
    : ok(trusted);
}

function checkVouched(
  pair: PairName,
  certificatePem: string,
  authorityPem: string,
): Result<void, string> {
  const certificate = certificateIn(certificatePem);
  if (!certificate.ok) return certificate;
  const authorities = authoritiesIn(authorityPem);
  if (!authorities.ok) return err(`the authorities are refused: ${authorities.error}`);
  if (isIssuedByOneOf(authorities.value, certificate.value)) return ok(undefined);
  return err(
    `no trusted authority has issued the certificate of "${pair}": trust its authority first, switch then, and drop the old one last`,
  );
}

async function writeTrusted(
  files: PkiFiles,
  authority: AuthorityName,
  authorityPem: string,
): Outcome<void> {
  const needed = await stillFits(files, authority, authorityPem);
  if (!needed.ok) return needed;
  return await files.write(`${authority}.crt`, authorityPem, "public");
}

/** Whether everything that is kept here can do with these authorities. */
async function stillFits(
  files: PkiFiles,
  authority: AuthorityName,
  authorityPem: string,
): Outcome<void> {
  const checked = authoritiesIn(authorityPem);
  if (!checked.ok) return err(`the authorities are refused: ${checked.error}`);
  const key = await files.read(`${authority}.key`);
  if (!key.ok) return key;
  if (key.value !== undefined) {
    const owned = checkAuthorityKey(authority, key.value, authorityPem);
    if (!owned.ok) return owned;
  }
  for (const pair of pairsOf[authority]) {
    const present = await readPair(files, pair);
    if (!present.ok) return present;
    if (present.value === undefined) continue;
    const vouched = checkVouched(pair, present.value.certificatePem, authorityPem);
    if (!vouched.ok) return vouched;
  }
  return ok(undefined);
}

async function readAuthority(
  files: PkiFiles,
  authority: AuthorityName,
): Outcome<KeyAndCertificate | undefined> {
  const key = await files.read(`${authority}.key`);
  if (!key.ok) return key;
  if (key.value === undefined) return ok(undefined);
  const certificate = await files.read(`${authority}.crt`);
  if (!certificate.ok) return certificate;
  if (certificate.value === undefined) return files.wrong(`${authority}.crt`, "it is missing");
  return ok({ keyPem: key.value, certificatePem: certificate.value });
}

async function writeAuthorityKey(
  files: PkiFiles,
  authority: AuthorityName,
  keyPem: string,
): Outcome<void> {
  const trusted = await trustedFor(files, authority, undefined);
  if (!trusted.ok) return trusted;
  const owned = checkAuthorityKey(authority, keyPem, trusted.value);
  return owned.ok ? await files.write(`${authority}.key`, keyPem, "secret") : owned;
}

function checkAuthorityKey(
  authority: AuthorityName,
  keyPem: string,
  authorityPem: string,
): Result<void, string> {
  const key = privateKeyIn(keyPem);
  if (!key.ok) return err(`the key of "${authority}" is refused: ${key.error}`);
  const authorities = authoritiesIn(authorityPem);
  if (!authorities.ok) return authorities;
  if (authorities.value.some((each) => each.checkPrivateKey(key.value))) return ok(undefined);
  return err(
    `no trusted authority belongs to the key of "${authority}": trust it first, switch then`,
  );
}

/** Lets writers in one after the other: each looks at what is there before it changes it. */
function serially(): <T>(action: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (action) => {
    const mine = last.then(action);
    // The one who asked hears of a failure; the next one only waits for the end.
    last = mine.catch(() => undefined);
    return mine;
  };
}

async function attempt<T>(what: string, action: () => Promise<T>): Outcome<T> {
  try {
    return ok(await action());
  } catch (error: unknown) {
    return err(`${what}: ${sentenceOfSystemError(error)}`);
  }
}
