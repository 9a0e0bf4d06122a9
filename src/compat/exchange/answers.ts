/** What clients of the exchange are told: a code word and a message, with the status that they expect. */
import type { FastifyReply } from "fastify";
import type { Problem } from "../../wire/errors.ts";

/** The code words that there are. */
export type ExchangeCode =
  | "ok"
  | "already-exists"
  | "access-denied"
  | "not-found"
  | "invalid-input"
  | "invalid-credentials"
  | "internal-error";

interface Told {
  readonly status: number;
  readonly code: ExchangeCode;
}

/** A problem of Holdfast's own as these clients know it; what is missing here is one of the server. */
const told: Readonly<Record<string, Told>> = {
  "not-found": { status: 404, code: "not-found" },
  "already-exists": { status: 409, code: "already-exists" },
  conflict: { status: 409, code: "already-exists" },
  "not-allowed": { status: 403, code: "access-denied" },
  "bad-input": { status: 400, code: "invalid-input" },
  refused: { status: 400, code: "invalid-input" },
  "too-large": { status: 400, code: "invalid-input" },
  "not-supported": { status: 400, code: "invalid-input" },
  "too-many": { status: 429, code: "access-denied" },
  "no-token": { status: 401, code: "invalid-credentials" },
  "bad-token": { status: 401, code: "invalid-credentials" },
  "token-expired": { status: 401, code: "invalid-credentials" },
  "bad-login": { status: 401, code: "invalid-credentials" },
};

/** Answers with a problem. */
export function sendRefusal(reply: FastifyReply, problem: Problem): FastifyReply {
  const { status, code } = told[problem.code] ?? {
    status: problem.status,
    code: "internal-error",
  };
  if (status === 401) reply.header("www-authenticate", 'Basic realm="holdfast"');
  return reply.code(status).send({ code, msg: problem.detail });
}

/** Answers that something was made or changed. */
export function sendDone(reply: FastifyReply, msg: string): FastifyReply {
  return reply.code(201).send({ code: "ok" satisfies ExchangeCode, msg });
}

/** An instant, in milliseconds, as these clients write it. */
export function exchangeTime(atMs: number): string {
  return `${new Date(atMs).toISOString()}[UTC]`;
}
