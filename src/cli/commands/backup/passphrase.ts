/** Passphrases of backups: from a file, or asked for at the terminal without showing them; never an argument. */
import { readFile } from "node:fs/promises";
import { passphraseLengthMin } from "../../../backup/crypt.ts";
import type { AskPassphrase } from "../../../backup/read-backup.ts";
import { sentenceOfSystemError } from "../../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../../core/result.ts";
import type { CliIo } from "../../io.ts";

/** Of a backup that is there: read or asked for once, when it is needed. The error says what to do. */
export function passphraseSource(
  io: Pick<CliIo, "askSecret">,
  file: string | undefined,
): AskPassphrase {
  let known: Promise<Result<string, string>> | undefined;
  return () => {
    known ??= file === undefined ? askOnce(io) : readPassphrase(file);
    return known;
  };
}

async function askOnce(io: Pick<CliIo, "askSecret">): Promise<Result<string, string>> {
  const said = await io.askSecret("Passphrase of the backup: ");
  if (said === undefined) {
    return err("it is encrypted: give a file that holds the passphrase, with --passphrase-file");
  }
  return said === "" ? err("no passphrase was given") : ok(said);
}

/** For a new backup; asked for twice, so that a slip of the finger does not lock everybody out. */
export async function newPassphrase(
  io: Pick<CliIo, "askSecret">,
  file: string | undefined,
): Promise<Result<string, string>> {
  const first = file === undefined ? await askOnce(io) : await readPassphrase(file);
  if (!first.ok) return first;
  if (first.value.length < passphraseLengthMin) {
    return err(`a passphrase has at least ${passphraseLengthMin} characters`);
  }
  if (file !== undefined) return first;
  const second = await io.askSecret("The same again: ");
  return second === first.value ? first : err("these were two different passphrases");
}

async function readPassphrase(file: string): Promise<Result<string, string>> {
  try {
    const text = (await readFile(file, "utf8")).replace(/\r?\n$/, "");
    return text === "" ? err(`the passphrase file ${file} is empty`) : ok(text);
  } catch (error: unknown) {
    return err(`cannot read the passphrase file ${file}: ${sentenceOfSystemError(error)}`);
  }
}
