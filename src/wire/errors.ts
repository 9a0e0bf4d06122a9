/**
 * Every error that the API answers with: problem details (RFC 9457) with a stable `code`. The table gives the
 * HTTP status, the CLI's exit code, and what the operator can do.
 */
import * as z from "zod";

interface ErrorKind {
  readonly status: number;
  readonly title: string;
  /** Exit code of the CLI: 1 failed, 2 usage, 3 not found, 4 conflict, 5 refused. */
  readonly exitCode: 1 | 2 | 3 | 4 | 5;
  readonly hint: string;
}

export const errorKinds = {
  "bad-input": {
    status: 400,
    title: "Bad input",
    exitCode: 2,
    hint: "correct it and send it again",
  },
  "no-token": {
    status: 401,
    title: "No token",
    exitCode: 5,
    hint: "give a token with --token-file or HOLDFAST_TOKEN",
  },
  "bad-token": {
    status: 401,
    title: "Token not accepted",
    exitCode: 5,
    hint: "check the token file, or ask an admin for a new token",
  },
  "token-expired": {
    status: 401,
    title: "Token has expired",
    exitCode: 5,
    hint: "log in again with holdfast login, or ask an admin for a new token",
  },
  "bad-login": {
    status: 401,
    title: "User or password not accepted",
    exitCode: 5,
    hint: "check both; an admin can set a new password with holdfast user password",
  },
  "not-allowed": {
    status: 403,
    title: "Not allowed",
    exitCode: 5,
    hint: "ask somebody who may; what you may: holdfast whoami, what each role may: holdfast role list",
  },
  "not-found": {
    status: 404,
    title: "Not found",
    exitCode: 3,
    hint: "list what there is and check the name",
  },
  "method-not-allowed": {
    status: 405,
    title: "Method not allowed",
    exitCode: 2,
    hint: "see /openapi.json",
  },
  "already-exists": {
    status: 409,
    title: "Already exists",
    exitCode: 4,
    hint: "choose another name, or change the one that exists",
  },
  conflict: {
    status: 409,
    title: "Conflict",
    exitCode: 4,
    hint: "look at the current state and decide anew",
  },
  "changed-meanwhile": {
    status: 412,
    title: "Changed meanwhile",
    exitCode: 4,
    hint: "read it again, then repeat the change",
  },
  "too-large": { status: 413, title: "Too large", exitCode: 2, hint: "send less" },
  "not-supported": {
    status: 415,
    title: "Not supported",
    exitCode: 2,
    hint: "send application/json",
  },
  refused: {
    status: 409,
    title: "Refused",
    exitCode: 5,
    hint: "look at the current state and decide anew",
  },
  "version-skew": {
    status: 409,
    title: "Versions do not fit",
    exitCode: 5,
    hint: "see what the servers run with: holdfast server list",
  },
  frozen: {
    status: 503,
    title: "The cluster is frozen",
    exitCode: 5,
    hint: "wait until that is over, or end it with: holdfast cluster unfreeze",
  },
  "stale-epoch": {
    status: 409,
    title: "Epoch is over",
    exitCode: 4,
    hint: "the agent asks for a new lease by itself",
  },
  compacted: {
    status: 410,
    title: "History is gone",
    exitCode: 1,
    hint: "read the current state, then watch from its revision",
  },
  "too-many": { status: 429, title: "Too many", exitCode: 1, hint: "wait, then try again" },
  internal: {
    status: 500,
    title: "Internal error",
    exitCode: 1,
    hint: "this is a bug: see the server's log",
  },
  "store-refuses": {
    status: 503,
    title: "Store cannot write",
    exitCode: 1,
    hint: "free disk space on the server; nothing was changed",
  },
  "no-space": {
    status: 507,
    title: "No space",
    exitCode: 1,
    hint: "free disk space on the server; nothing was changed",
  },
  "not-replicated": {
    status: 503,
    title: "Not on a majority of the servers yet",
    exitCode: 1,
    hint: "it is carried on by itself; see how far it is with: holdfast bundle list",
  },
  "outcome-unknown": {
    status: 503,
    title: "Outcome unknown",
    exitCode: 1,
    hint: "look whether it was done before you do it again",
  },
  unavailable: { status: 503, title: "Unavailable", exitCode: 1, hint: "try again in a moment" },
} as const satisfies Readonly<Record<string, ErrorKind>>;

/** The `code` of a problem: stable, for programs. */
export type ErrorCode = keyof typeof errorKinds;

/** A problem document, `application/problem+json`. */
export const problemSchema = z.object({
  /** `urn:holdfast:error:<code>` */
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  /** One line: what is wrong and where. */
  detail: z.string(),
  /** What to do. */
  hint: z.string(),
  /** Of bad input: each fault with its path. */
  faults: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  /** Of `not-allowed`: the permission that is missing, and who was refused. */
  permission: z.string().optional(),
  who: z.string().optional(),
});
export type Problem = z.output<typeof problemSchema>;

/** Makes the problem document of an error. */
export function problemOf(code: ErrorCode, detail: string, faults?: Problem["faults"]): Problem {
  const kind: ErrorKind = errorKinds[code];
  const base = {
    type: `urn:holdfast:error:${code}`,
    title: kind.title,
    status: kind.status,
    code,
    detail,
    hint: kind.hint,
  };
  return faults === undefined ? base : { ...base, faults };
}

/** What is wrong with one field. */
export interface FieldFault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** A schema's complaint as faults of fields: an unknown field is a fault of that field, not of what it is in. */
export function faultsOfIssue(issue: z.core.$ZodIssue): FieldFault[] {
  const { path } = issue;
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], message: "unknown field" }));
  }
  if (issue.code === "invalid_key") return issue.issues.map(({ message }) => ({ path, message }));
  if (issue.code === "invalid_type") {
    return [{ path, message: messageOfType(issue.expected, issue.message) }];
  }
  return [{ path, message: boundOf(issue) ?? choiceOf(issue) ?? issue.message }];
}

/** A number beyond its bounds, in words; undefined: it is something else, or the schema has words of its own. */
function boundOf(issue: z.core.$ZodIssue): string | undefined {
  if (issue.code === "too_big" && issue.message.startsWith("Too big: expected number")) {
    return `it ${issue.inclusive === false ? "must be less than" : "can be at most"} ${issue.maximum}`;
  }
  if (issue.code === "too_small" && issue.message.startsWith("Too small: expected number")) {
    return `it must be ${issue.inclusive === false ? "more than" : "at least"} ${issue.minimum}`;
  }
  return undefined;
}

/** Of a fixed list of words none, or nothing at all, was written. */
function choiceOf(issue: z.core.$ZodIssue): string | undefined {
  if (issue.code !== "invalid_value" || !issue.message.startsWith("Invalid option"))
    return undefined;
  return `write one of ${issue.values.map(String).join(", ")}`;
}

function messageOfType(expected: string, message: string): string {
  if (message.endsWith("received undefined")) return `is missing (expected ${expected})`;
  if (message.endsWith("received NaN")) return "is no number";
  return expected === "int" ? "a whole number is expected" : message;
}

/** A schema's complaints as path and message, e.g. `process.health.port`. */
export function faultsOf(error: z.ZodError): { path: string; message: string }[] {
  return error.issues.flatMap(faultsOfIssue).map(({ path, message }) => ({
    path: path.map(String).join("."),
    message,
  }));
}

/** All complaints in one line, for people. */
export function lineOfFaults(error: z.ZodError): string {
  return faultsOf(error)
    .map((fault) => (fault.path === "" ? fault.message : `${fault.path}: ${fault.message}`))
    .join("; ");
}
