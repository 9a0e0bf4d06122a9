/** A name that a request says twice. */
import { problemOf } from "../../wire/errors.ts";
import { ProblemError } from "../http/problem-error.ts";

/** Path and body both name it, and must mean the same one. */
export function mustBeSame(inPath: string, inBody: string): void {
  if (inPath === inBody) return;
  const message = `the path says "${inPath}", the body says "${inBody}"`;
  throw new ProblemError(problemOf("bad-input", message, [{ path: "name", message }]));
}
