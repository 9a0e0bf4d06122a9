/**
 * What a server answers while it waits for its store's schema: that it lives, how the upgrade stands which it waits for,
 * whether the cluster is frozen, and to all else why it serves nobody yet.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { type Problem, problemOf } from "../../wire/errors.ts";
import { secureOptionsOf, type TlsCredentials } from "../http/app.ts";
import {
  createWaitingCalls,
  type WaitingAnswer,
  type WaitingCalls,
  type WaitingCallsOptions,
} from "./waiting-calls.ts";

export interface WaitingListenerOptions extends WaitingCallsOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** Undefined: plain HTTP. */
  readonly tls: TlsCredentials | undefined;
  /** Why it waits, one line. */
  because(): string;
}

export interface WaitingListener {
  readonly port: number;
  /** The port is free again when this resolves. */
  close(): Promise<void>;
}

/** Longer than a probe waits for its answer, and than a body may take. */
const requestMsMax = 5_000;
/** Node.js looks as often for requests that take too long. */
const lookEveryMs = 1_000;
/** Sockets at a time; each costs memory, and there is nothing to be had here for many. */
const connectionsMax = 1_000;

/** Listens. The error is one line for the operator. */
export async function listenWaiting(
  options: WaitingListenerOptions,
): Promise<Result<WaitingListener, string>> {
  const { listen, tls } = options;
  const calls = createWaitingCalls(options);
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    void respond({ request, response }, calls, options);
  };
  const limits = {
    requestTimeout: requestMsMax,
    headersTimeout: requestMsMax,
    connectionsCheckingInterval: lookEveryMs,
  };
  const server =
    tls === undefined
      ? createServer(limits, answer)
      : createTlsServer({ ...limits, ...secureOptionsOf(tls) }, answer);
  server.maxConnections = connectionsMax;
  const { host, port } = listen;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port }, resolve);
    });
  } catch (error: unknown) {
    return err(`cannot listen on ${host} port ${port}: ${sentenceOfSystemError(error)}`);
  }
  const address = server.address();
  return ok({
    port: typeof address === "object" && address !== null ? address.port : port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  });
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Never rejects. */
async function respond(
  { request, response }: Exchange,
  calls: WaitingCalls,
  { because, log }: WaitingListenerOptions,
): Promise<void> {
  try {
    if (request.url === "/livez") send({ request, response }, ok({ body: { status: "ok" } }));
    else {
      const answer = await (calls.answer(request) ?? err(notReady(because())));
      send({ request, response }, answer);
    }
  } catch (error: unknown) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    log.write("error", `bug while answering: ${message}`, { method: request.method, stack });
    const problem = problemOf("internal", "the server has a bug, its log says more");
    if (!response.headersSent) send({ request, response }, err(problem));
  }
}

function notReady(because: string): Problem {
  const hint = "see how far it is with: holdfast upgrade status";
  return { ...problemOf("unavailable", because), hint };
}

function send({ request, response }: Exchange, answer: Result<WaitingAnswer, Problem>): void {
  request.resume();
  const status = answer.ok ? 200 : answer.error.status;
  response.writeHead(status, {
    "content-type": answer.ok ? "application/json" : "application/problem+json",
    connection: "close",
    ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
    ...(answer.ok && answer.value.etag !== undefined ? { etag: answer.value.etag } : {}),
  });
  response.end(JSON.stringify(answer.ok ? answer.value.body : answer.error));
}
