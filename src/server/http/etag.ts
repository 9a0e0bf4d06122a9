/** Optimistic concurrency: `ETag: "<revision>"` in answers, `If-Match` and `If-None-Match` in changes. */
import type { FastifyRequest } from "fastify";
import { ok, type Result } from "../../core/result.ts";
import type { StoreRevision } from "../../ports/store.ts";
import { type Problem, problemOf } from "../../wire/errors.ts";

/** What a change is conditional on. `must-exist` is `If-Match: *`, `must-be-absent` is `If-None-Match: *`. */
export type Precondition =
  | { readonly kind: "none" }
  | { readonly kind: "must-exist" }
  | { readonly kind: "must-be-absent" }
  | { readonly kind: "revision"; readonly revision: StoreRevision };

/** The header value of a revision. */
export function etagOf(revision: StoreRevision): string {
  return `"${revision}"`;
}

/** Reads the request's conditional headers. */
export function preconditionOf(
  request: Pick<FastifyRequest, "headers">,
): Result<Precondition, Problem> {
  const ifMatch = request.headers["if-match"];
  const ifNoneMatch = request.headers["if-none-match"];
  if (ifMatch !== undefined && ifNoneMatch !== undefined) {
    return fault("If-Match", "give If-Match or If-None-Match, not both");
  }
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch.trim() === "*") return ok({ kind: "must-be-absent" });
    return fault("If-None-Match", 'only If-None-Match: "*" is understood');
  }
  if (ifMatch === undefined) return ok({ kind: "none" });
  if (ifMatch.trim() === "*") return ok({ kind: "must-exist" });
  const revision = /^"(\d{1,15})"$/.exec(ifMatch.trim())?.[1];
  if (revision === undefined) return fault("If-Match", 'write If-Match: "<revision>"');
  return ok({ kind: "revision", revision: Number(revision) });
}

/** Why the precondition does not hold for what is there (`revision` undefined: nothing), or undefined. */
export function brokenPrecondition(
  precondition: Precondition,
  what: string,
  revision: StoreRevision | undefined,
): Problem | undefined {
  switch (precondition.kind) {
    case "none":
      return undefined;
    case "must-exist":
      return revision === undefined
        ? problemOf("changed-meanwhile", `there is no ${what}`)
        : undefined;
    case "must-be-absent":
      return revision === undefined ? undefined : problemOf("changed-meanwhile", `${what} exists`);
    case "revision":
      if (revision === precondition.revision) return undefined;
      return problemOf(
        "changed-meanwhile",
        `${what} is at revision ${revision ?? "none"}, you gave ${precondition.revision}`,
      );
    default:
      return precondition satisfies never;
  }
}

function fault(header: string, message: string): Result<never, Problem> {
  return {
    ok: false,
    error: problemOf("bad-input", message, [{ path: `header.${header}`, message }]),
  };
}
