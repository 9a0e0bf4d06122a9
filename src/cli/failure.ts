/** How a command ends when it did not do what was asked: one line that says what is wrong and what to do. */
import type { ApiError } from "../client/api-error.ts";
import { err, type Result } from "../core/result.ts";

/**
 * 0 ok, 1 failed, 2 usage, 3 not found, 4 conflict, 5 refused; 130 interrupted. Of `exec` alone, for the command's
 * own code goes through: 124 timed out, 125 not run or cut short, 126 cannot be run, 127 no such command.
 */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 124 | 125 | 126 | 127 | 130;

/** `what` says what is wrong and where, `hint` what to do; both without a full stop. */
export interface Failure {
  readonly exitCode: Exclude<ExitCode, 0>;
  readonly what: string;
  readonly hint: string | undefined;
}

/** How a command ends: with an exit code after it printed what there is to say, or with a failure to print. */
export type Outcome = Result<number, Failure>;

type Failed = { readonly ok: false; readonly error: Failure };

/** The command did what was asked. */
export const done: Outcome = { ok: true, value: 0 };

/** The person wrote something that cannot be meant; nothing was changed. */
export function usage(what: string, hint?: string): Failed {
  return fail(2, what, hint);
}

/** Makes a failure with an exit code of its own. */
export function fail(exitCode: Failure["exitCode"], what: string, hint?: string): Failed {
  return err({ exitCode, what, hint });
}

/** A request's failure as a command's: the server's words, what to do, its exit code; Ctrl-C ends with 130. */
export function failOfApi(error: ApiError): Failed {
  const exitCode = error.kind === "aborted" ? 130 : error.exitCode;
  return fail(exitCode, error.message, hintOf(error));
}

/** What the command line calls otherwise. */
const otherNouns: Readonly<Record<string, string>> = {
  "join token": "join-token",
  "HA group": "hagroup",
};

/** At a command line some of the server's hints, which are for programs too, say nothing that helps. */
function hintOf(error: ApiError): string | undefined {
  if (error.message.includes("allowUnknownProperties")) {
    return "if it is meant: --allow-unknown-properties";
  }
  if (error.code === "bad-input" || error.code === "refused") return undefined;
  if (error.code !== "not-found") return error.hint;
  const noun =
    /^there is no (service|node|group|rule|token|bundle|user|definition|deployment|server|join token|HA group) /.exec(
      error.message,
    )?.[1];
  if (noun === undefined) return error.hint;
  return `see what there is with: holdfast ${otherNouns[noun] ?? noun} list`;
}
