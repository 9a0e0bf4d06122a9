/** The cluster's authority, read again every few seconds: whoever replaces the file need not restart the balancer. */
import { readFile } from "node:fs/promises";
import { sentenceOfSystemError } from "../core/explain/system-error.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";

const readEveryMs = 10_000;

export interface AuthorityFileOptions {
  /** PEM, one certificate or several; undefined: there is no authority. */
  readonly authorityFile: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** What the file holds now; one that cannot be read any more stays as it was. */
export interface AuthorityFile {
  pem(): string | undefined;
  close(): void;
}

/** Reads the file and follows it. The error is one line for the operator. */
export async function openAuthorityFile(
  options: AuthorityFileOptions,
): Promise<Result<AuthorityFile, string>> {
  const { authorityFile: path, clock, log } = options;
  if (path === undefined) return ok({ pem: () => undefined, close: () => undefined });
  const first = await readAuthority(path);
  if (!first.ok) return first;
  let pem = first.value;
  let isClosed = false;
  let cancel: () => void;
  const readAgain = async (): Promise<void> => {
    const read = await readAuthority(path);
    if (read.ok) pem = read.value;
    else log.write("warn", `keeps the authority as it was: ${read.error}`);
    if (!isClosed) arm();
  };
  const arm = (): void => {
    cancel = clock.after(readEveryMs, () => void readAgain());
  };
  arm();
  const close = (): void => {
    isClosed = true;
    cancel();
  };
  return ok({ pem: () => pem, close });
}

async function readAuthority(path: string): Promise<Result<string, string>> {
  try {
    const text = await readFile(path, "utf8");
    if (text.includes("-----BEGIN CERTIFICATE-----")) return ok(text);
    return err(`${path} holds no certificate in PEM`);
  } catch (error: unknown) {
    return err(`cannot read ${path}: ${sentenceOfSystemError(error)}`);
  }
}
