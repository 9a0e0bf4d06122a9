/** How a handler answers with a problem: operations return it as a value, the border throws it to the one place that writes it. */
import type { Result } from "../../core/result.ts";
import { err } from "../../core/result.ts";
import type { StoreError } from "../../ports/store.ts";
import { type ErrorCode, type Problem, problemOf } from "../../wire/errors.ts";

/** Thrown by handlers only, caught by the app's error handler only. */
export class ProblemError extends Error {
  override readonly name: string = "ProblemError";
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/** A problem as a failed result. */
export function refuse(
  code: ErrorCode,
  detail: string,
): { readonly ok: false; readonly error: Problem } {
  return err(problemOf(code, detail));
}

/** What a handler does with an operation's outcome: goes on with the value, or answers with the problem. */
export function unwrap<T>(result: Result<T, Problem>): T {
  if (result.ok) return result.value;
  throw new ProblemError(result.error);
}

/** A store that does not do what was asked, as people see it. */
export function problemOfStore(error: StoreError): Problem {
  switch (error.kind) {
    case "refused":
      return problemOf("store-refuses", error.message);
    case "compacted":
      return problemOf("compacted", error.message);
    case "lease-not-found":
      return problemOf("stale-epoch", error.message);
    case "unavailable":
    case "closed":
      if (!error.mayHaveTakenEffect) return problemOf("unavailable", error.message);
      return problemOf(
        "outcome-unknown",
        `${error.message}; whether the change was made is not known`,
      );
    default:
      return error.kind satisfies never;
  }
}

/** A store's outcome as a handler's. */
export function fromStore<T>(result: Result<T, StoreError>): Result<T, Problem> {
  return result.ok ? result : err(problemOfStore(result.error));
}
