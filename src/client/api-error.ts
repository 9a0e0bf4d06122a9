/**
 * What can go wrong between a client and a server, as a value: what, where, what to do, and the exit code that
 * a command line ends with. Problem documents keep the server's own words.
 */
import { type ErrorCode, errorKinds, type Problem, problemSchema } from "../wire/errors.ts";

/**
 * `problem`: the server refused. `unreachable`: nobody answers there. `timed-out`: no answer in time, a change may
 * have been made all the same; `cut-off`: the same, as the connection broke. `bad-answer`: something else than a Holdfast server answers. `aborted`: by the caller.
 */
export interface ApiError {
  readonly kind: "problem" | "unreachable" | "timed-out" | "cut-off" | "bad-answer" | "aborted";
  /** Of `problem`: the stable code of `wire/errors.ts`. */
  readonly code: ErrorCode | undefined;
  /** One line: what is wrong and where, without a full stop. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
  readonly exitCode: 1 | 2 | 3 | 4 | 5;
}

/** An answer: `value` is checked and typed, `body` is what the server sent, with fields of newer servers. */
export interface ApiAnswer<T> {
  readonly ok: true;
  readonly value: T;
  readonly body: unknown;
}

export interface ApiFailure {
  readonly ok: false;
  readonly error: ApiError;
}

export type ApiResult<T> = ApiAnswer<T> | ApiFailure;

/** Makes a failure that is no problem document. */
export function failure(
  kind: Exclude<ApiError["kind"], "problem">,
  message: string,
  hint: string,
): ApiFailure {
  return { ok: false, error: { kind, code: undefined, message, hint, exitCode: 1 } };
}

/** Makes the failure that an answer with an error status stands for. */
export function failureOfAnswer(status: number, body: unknown, where: string): ApiFailure {
  const parsed = problemSchema.safeParse(body);
  if (!parsed.success) {
    return failure(
      "bad-answer",
      `${where} answered with status ${status} and no problem document`,
      "check that --server names a Holdfast server",
    );
  }
  const problem = parsed.data;
  const code = isErrorCode(problem.code) ? problem.code : undefined;
  return {
    ok: false,
    error: {
      kind: "problem",
      code,
      message: messageOf(problem),
      hint: problem.hint,
      exitCode: code === undefined ? 1 : errorKinds[code].exitCode,
    },
  };
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorKinds, code);
}

function messageOf(problem: Problem): string {
  const faults = (problem.faults ?? []).filter((fault) => !problem.detail.includes(fault.message));
  const lines = faults.map((fault) =>
    fault.path === "" ? fault.message : `${fault.path}: ${fault.message}`,
  );
  return [problem.detail, ...lines].join("; ");
}
