/** Passwords as they come in: asked for at the terminal without showing them, or from standard input; never as an argument. */
import { ok, type Result } from "../../../core/result.ts";
import { passwordLengthMin } from "../../../wire/access.ts";
import { type Failure, usage } from "../../failure.ts";
import type { Session } from "../../session.ts";

const noTerminal = "there is no terminal to ask for a password at";
const readHint = "give it on standard input, with --password-stdin";

/** One that exists: asked for once. */
export async function askPassword(
  session: Session,
  question: string,
): Promise<Result<string, Failure>> {
  const password = await session.io.askSecret(question);
  if (password === undefined) return usage(noTerminal, readHint);
  return password === "" ? usage("no password was given") : ok(password);
}

/** One that is to be: asked for twice, so that a slip of the finger locks nobody out. */
export async function askNewPassword(
  session: Session,
  user: string,
): Promise<Result<string, Failure>> {
  const first = await askPassword(session, `New password of ${user}: `);
  if (!first.ok) return first;
  if (first.value.length < passwordLengthMin) {
    return usage(`a password has at least ${passwordLengthMin} characters`);
  }
  const second = await askPassword(session, "The same again: ");
  if (!second.ok) return second;
  return first.value === second.value ? first : usage("these were two different passwords");
}

/** Standard input line by line: exactly so many passwords. */
export async function readPasswords(
  session: Session,
  names: readonly string[],
): Promise<Result<readonly string[], Failure>> {
  const text = await session.io.readStandardInput();
  const lines = text.replace(/\r?\n$/, "").split(/\r?\n/);
  if (lines.length === names.length && lines.every((line) => line !== "")) return ok(lines);
  return usage(
    `standard input must hold ${names.length} line${names.length === 1 ? "" : "s"}: ${names.join(", then ")}`,
  );
}
