/**
 * HTTP as the client needs it: one request, one bounded answer or one stream, each with a deadline. It uses
 * `node:http`, as `fetch` ends streams that are silent for five minutes and hides why a connection failed.
 */
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { type ApiFailure, type ApiResult, failure, failureOfAnswer } from "./api-error.ts";

/** Largest answer that is read into memory: a cluster of some ten thousand services. */
const answerBytesMax = 64 * 1_024 * 1_024;

export interface TransportOptions {
  /** Base address, e.g. `http://127.0.0.1:7440`. */
  readonly server: string;
  readonly token: string | undefined;
  /** How long an answer (of a stream: its beginning) may take. */
  readonly timeoutMs: number;
  /** Gives up every request of this transport. */
  readonly signal?: AbortSignal | undefined;
}

export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path with its parts already encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** A text stream that the server keeps open; ends when the caller's signal aborts. */
export type TextStream = AsyncIterable<string>;

interface Opened {
  readonly response: IncomingMessage;
  /** Whether the deadline has passed, which shows as a broken connection. */
  isOverdue(): boolean;
  /** Stops the deadline; from then on only the caller's signal ends the exchange. */
  disarm(): void;
}

type Opening = { readonly ok: true; readonly value: Opened } | ApiFailure;

/** Sends a request and reads the whole answer as JSON (undefined when it has no content). */
export async function exchange(
  options: TransportOptions,
  request: ApiRequest,
): Promise<ApiResult<unknown>> {
  const opened = await open(options, request);
  if (!opened.ok) return opened;
  const { response, disarm, isOverdue } = opened.value;
  try {
    return await readAnswer(response, options.server);
  } catch (error: unknown) {
    return failureOfConnection(error, options, { request, isOverdue: isOverdue() });
  } finally {
    disarm();
    response.destroy();
  }
}

/** Sends a request and hands over the answer's text as it comes; errors of the beginning are values. */
export async function openStream(
  options: TransportOptions,
  request: ApiRequest,
): Promise<ApiResult<TextStream>> {
  const opened = await open(options, request);
  if (!opened.ok) return opened;
  const { response, disarm, isOverdue } = opened.value;
  if ((response.statusCode ?? 0) >= 400) {
    try {
      return failureOfAnswer(
        response.statusCode ?? 0,
        parseJson(await readText(response)),
        options.server,
      );
    } catch (error: unknown) {
      return failureOfConnection(error, options, { request, isOverdue: isOverdue() });
    } finally {
      disarm();
    }
  }
  disarm();
  return { ok: true, value: textOf(response), body: undefined };
}

async function* textOf(response: IncomingMessage): TextStream {
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response) yield decoder.decode(chunk, { stream: true });
  } finally {
    response.destroy();
  }
}

function open(options: TransportOptions, request: ApiRequest): Promise<Opening> {
  return new Promise((resolve) => {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), options.timeoutMs);
    const signals = [deadline.signal, options.signal, request.signal].filter(
      (signal) => signal !== undefined,
    );
    const url = urlOf(options.server, request);
    const content = request.body === undefined ? undefined : JSON.stringify(request.body);
    const outgoing = (url.protocol === "https:" ? requestHttps : requestHttp)(url, {
      method: request.method,
      agent: false,
      signal: AbortSignal.any(signals),
      headers: headersOf(options, request, content),
    });
    const disarm = (): void => clearTimeout(timer);
    const isOverdue = (): boolean => deadline.signal.aborted;
    outgoing.once("response", (response) =>
      resolve({ ok: true, value: { response, disarm, isOverdue } }),
    );
    outgoing.on("error", (error) => {
      disarm();
      resolve(failureOfConnection(error, options, { request, isOverdue: isOverdue() }));
    });
    outgoing.end(content);
  });
}

function urlOf(server: string, request: ApiRequest): URL {
  const url = new URL(`${server.replace(/\/+$/, "")}${request.path}`);
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}

function headersOf(
  options: TransportOptions,
  request: ApiRequest,
  content: string | undefined,
): Record<string, string> {
  return {
    accept: "application/json, application/problem+json, text/event-stream, text/plain",
    ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
    ...(content === undefined
      ? {}
      : {
          "content-type": "application/json",
          "content-length": String(Buffer.byteLength(content)),
        }),
    ...request.headers,
  };
}

async function readAnswer(response: IncomingMessage, server: string): Promise<ApiResult<unknown>> {
  const text = await readText(response);
  const body = parseJson(text);
  const status = response.statusCode ?? 0;
  if (status >= 300) return failureOfAnswer(status, body, server);
  if (text !== "" && body === undefined) {
    return failure(
      "bad-answer",
      `${server} answered with something that is not JSON`,
      "check that --server names a Holdfast server",
    );
  }
  return { ok: true, value: body, body };
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of response) {
    const bytes = Buffer.from(chunk);
    sizeBytes += bytes.length;
    if (sizeBytes > answerBytesMax)
      throw new Error(`answer is larger than ${answerBytesMax} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return undefined; // the caller says what it means that this is no JSON
  }
}

/** What a connection's end means: given up, out of time, or nobody there. */
function failureOfConnection(
  error: unknown,
  options: TransportOptions,
  { request, isOverdue }: { readonly request: ApiRequest; readonly isOverdue: boolean },
): ApiFailure {
  const where = options.server;
  if (request.signal?.aborted === true || options.signal?.aborted === true) {
    return failure("aborted", "interrupted", "start it again");
  }
  if (isOverdue) {
    const changes = request.method === "GET" ? "" : "; the change may have been made all the same";
    return failure(
      "timed-out",
      `no answer from ${where} within ${options.timeoutMs / 1_000} s${changes}`,
      "look at the server's log, then try again",
    );
  }
  return failure(
    "unreachable",
    `cannot reach ${where}: ${reasonOf(error)}`,
    "check that the server runs, or name another with --server or HOLDFAST_SERVER",
  );
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "no such host name",
  EAI_AGAIN: "the host name cannot be looked up now",
  ECONNRESET: "the connection was cut",
  EHOSTUNREACH: "there is no way to this host",
  ENETUNREACH: "there is no way to this network",
};

/** Why a connection failed, in words. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return reasons[code] ?? (error instanceof Error ? error.message : String(error));
}
