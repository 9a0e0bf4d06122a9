/** Bad input that only the facts show: one line for people, and each fault at its place for programs. */
import { err } from "../../../core/result.ts";
import { type Problem, problemOf } from "../../../wire/errors.ts";

/** What is wrong at one place of the body. */
export interface Fault {
  /** e.g. `versions.0.version` */
  readonly path: string;
  readonly message: string;
}

/** The problem of all these faults; there is at least one. */
export function badInput(faults: readonly Fault[]): {
  readonly ok: false;
  readonly error: Problem;
} {
  const line = faults.map(({ path, message }) => `${path}: ${message}`).join("; ");
  return err(problemOf("bad-input", line, [...faults]));
}
