/** `backup create`: asks a server, or reads the store of one that does not run. */
import { join } from "node:path";
import * as z from "zod";
import { backupName, type WrittenFile, writeBackupFile } from "../../../backup/backup-files.ts";
import type { BackupItem } from "../../../backup/item.ts";
import { BackupReader } from "../../../backup/read-backup.ts";
import { BackupBroken, writeBackup } from "../../../backup/write-backup.ts";
import { reasonOf } from "../../../client/transport.ts";
import { err, ok, type Result } from "../../../core/result.ts";
import { done, type Failure, fail, failOfApi, type Outcome, usage } from "../../failure.ts";
import type { Roles } from "../../roles.ts";
import type { Session } from "../../session.ts";
import { sizeText } from "../bundle/size-text.ts";
import { dataDirectoryOf } from "./data-directory.ts";
import { newPassphrase } from "./passphrase.ts";

const optionsSchema = z.object({
  to: z.string().optional(),
  encrypt: z.boolean().default(false),
  passphraseFile: z.string().optional(),
  data: z.string().optional(),
});

/** The handler of `backup create`. */
export async function createBackup(
  session: Session,
  roles: Pick<Roles, "createBackup">,
  options: unknown,
): Promise<Outcome> {
  const flags = optionsSchema.parse(options);
  const to = flags.to ?? join(dataDirectoryOf(session, flags.data), "backups");
  if (to === "-" && session.io.stdout.isTTY === true) {
    return usage("a backup is nothing for a terminal", "send standard output to a file");
  }
  const isEncrypted = flags.encrypt || flags.passphraseFile !== undefined;
  const passphrase = isEncrypted
    ? await newPassphrase(session.io, flags.passphraseFile)
    : ok(undefined);
  if (!passphrase.ok) return usage(passphrase.error);
  if (flags.data !== undefined) {
    const plan = { dataDirectory: flags.data, to, passphrase: passphrase.value };
    return await roles.createBackup(plan, session.io);
  }
  return await askServer(session, { to, passphrase: passphrase.value });
}

interface Wish {
  readonly to: string;
  readonly passphrase: string | undefined;
}

async function askServer(session: Session, { to, passphrase }: Wish): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const { signal } = session.io;
  const answer = await client.value.createBackup(signal);
  if (!answer.ok) return failOfApi(answer.error);
  const opened = await BackupReader.open(guarded(answer.value), () =>
    Promise.resolve(err("the server has sent an encrypted backup")),
  );
  if (!opened.ok) return fail(1, `the server's answer: ${opened.error}`);
  const { format: _format, encryption: _encryption, ...facts } = opened.value.header;
  const bytes = writeBackup({ facts, items: itemsOf(opened.value), passphrase });
  try {
    if (to === "-") {
      for await (const piece of bytes) await session.io.bytes.write("stdout", piece);
      return done;
    }
    const written = await writeBackupFile({
      ...{ directory: to, name: backupName("person", facts.atMs), bytes },
      existing: "refuse",
    });
    if (signal.aborted) return interrupted;
    if (!written.ok) return fail(1, written.error, "name a folder of yours with --to");
    sayWritten(session, written.value, passphrase === undefined ? "clear" : "encrypted");
    return done;
  } catch (error: unknown) {
    if (!(error instanceof BackupBroken)) throw error;
    return signal.aborted ? interrupted : fail(1, error.message, "try again");
  } finally {
    await opened.value.close();
  }
}

const interrupted: { readonly ok: false; readonly error: Failure } = fail(130, "interrupted");

function sayWritten(session: Session, written: WrittenFile, kind: "clear" | "encrypted"): void {
  const { path, sizeBytes, sha256 } = written;
  const warning =
    kind === "clear"
      ? "it holds the cluster's keys and is not encrypted: whoever can read it can be admin\n"
      : "";
  session.print(written, () => `${path} (${sizeText(sizeBytes)}, SHA-256 ${sha256})\n${warning}`);
}

/** A connection that breaks off is told as what it is. */
async function* guarded(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (error: unknown) {
    throw new BackupBroken(`the connection broke off: ${reasonOf(error)}`);
  }
}

/** What is read is written again as it comes: nothing is kept that was not vouched for. */
async function* itemsOf(
  reader: BackupReader,
): AsyncGenerator<Result<readonly BackupItem[], string>> {
  for (;;) {
    const read = await reader.next();
    if (!read.ok) yield err(`the server's answer: ${read.error}`);
    if (!read.ok) return;
    if (read.value === "end") break;
    yield ok(read.value);
  }
  const { summary } = reader;
  if (summary !== undefined) yield ok([{ kind: "end", summary }]);
}
