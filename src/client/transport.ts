/**
 * HTTP as the client needs it: one request, one bounded answer or one stream, each with a deadline. It uses
 * `node:http`, as `fetch` ends streams that are silent for five minutes and hides why a connection failed.
 */
import { type ClientRequest, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { type ApiFailure, type ApiResult, failure, failureOfAnswer } from "./api-error.ts";
import { watchSilence } from "./silence.ts";
import { sendUpload, type Upload } from "./upload.ts";

/** Largest answer that is read into memory: a cluster of some ten thousand services. */
const answerBytesMax = 64 * 1_024 * 1_024;
/** A host that does not take a connection within this is passed over where there are others. */
const connectMsMax = 2_000;

export interface TransportOptions {
  /** Whose turn it is; the next one's when this one does not answer as it should. */
  readonly servers: ServerChoice;
  readonly token: string | undefined;
  /** PEM of the authority that the servers' certificates have to be of; undefined: the system's. */
  readonly authorityPem?: string | undefined;
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
  /** Instead of `body`: its beginning; the rest follows once the answer has begun. */
  readonly beginning?: Uint8Array;
  /** Instead of `body`: a file. */
  readonly upload?: Upload | undefined;
  /** How long the answer may take after the last byte was sent; default: the transport's own. */
  readonly timeoutMs?: number | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** A text stream that the server keeps open; ends when the caller's signal aborts. */
export type TextStream = AsyncIterable<string>;

interface Opened {
  readonly outgoing: ClientRequest;
  readonly response: IncomingMessage;
  /** Whether the deadline has passed, which shows as a broken connection. */
  isOverdue(): boolean;
  /** Stops the deadline; from then on only the caller's signal ends the exchange. */
  disarm(): void;
}

/** All servers that are known, and the one that answered last. */
export class ServerChoice {
  readonly #urls: readonly string[];
  #index = 0;

  /** Base addresses, e.g. `http://127.0.0.1:7440`; at least one. */
  constructor(urls: readonly string[]) {
    this.#urls = urls;
  }

  get count(): number {
    return this.#urls.length;
  }

  get current(): string {
    return this.#urls[this.#index] ?? "";
  }

  /** Passes the turn on, unless another request has done so already. */
  passOn(from: string): void {
    if (from === this.current) this.#index = (this.#index + 1) % this.#urls.length;
  }
}

type Opening = { readonly ok: true; readonly value: Opened } | ApiFailure;

/** Sends a request and reads the whole answer as JSON (undefined when it has no content). */
export function exchange(
  options: TransportOptions,
  request: ApiRequest,
): Promise<ApiResult<unknown>> {
  return withEachServer(options, (target) => exchangeWith(target, request));
}

/** Sends a request and hands over the answer's text as it comes; errors of the beginning are values. */
export function openStream(
  options: TransportOptions,
  request: ApiRequest,
): Promise<ApiResult<TextStream>> {
  return withEachServer(options, async (target) => {
    const opened = await openBothOf(target, request);
    if (!opened.ok) return opened;
    return { ok: true, value: textOf(opened.value.response), body: undefined };
  });
}

/** A request whose body and answer go on at the same time, and the server that answers. */
export interface BothWays extends Pick<Opened, "outgoing" | "response"> {
  readonly server: string;
}

/** Sends a request and hands it over with its answer, which has begun well; else the failure is the value. */
export function openBoth(
  options: TransportOptions,
  request: ApiRequest,
): Promise<ApiResult<BothWays>> {
  return withEachServer(options, (target) => openBothOf(target, request));
}

/** One server of those that are known. */
interface Target extends Omit<TransportOptions, "servers"> {
  readonly server: string;
  /** Another one can be asked: a host that is silent is not waited for. */
  readonly hasOthers: boolean;
}

/** Asks the next server where the one before has certainly done nothing, until each had its turn. */
async function withEachServer<T>(
  options: TransportOptions,
  attempt: (target: Target) => Promise<ApiResult<T>>,
): Promise<ApiResult<T>> {
  const { servers } = options;
  const hasOthers = servers.count > 1;
  let failed: ApiFailure | undefined;
  for (let turn = 0; turn < servers.count; turn += 1) {
    const server = servers.current;
    const answer = await attempt({ ...options, server, hasOthers });
    if (answer.ok || !mayAskNext(answer.error)) return answer;
    servers.passOn(server);
    // A server that says why it can do nothing tells more than one that is not there.
    if (failed === undefined || answer.error.kind !== "unreachable") failed = answer;
  }
  return failed ?? failure("unreachable", "no server is known", "name one with --server");
}

/** Nobody was reached, or the server said that it could do nothing now. */
function mayAskNext({ kind, code }: ApiFailure["error"]): boolean {
  return kind === "unreachable" || code === "unavailable" || code === "too-many";
}

async function exchangeWith(options: Target, request: ApiRequest): Promise<ApiResult<unknown>> {
  const opened = await open(options, request);
  if (!opened.ok) return opened;
  const { response, disarm, isOverdue } = opened.value;
  try {
    return await readAnswer(response, options.server);
  } catch (error: unknown) {
    return failureOfConnection(error, options, { request, isOverdue: isOverdue(), isSent: true });
  } finally {
    disarm();
    response.destroy();
  }
}

async function openBothOf(options: Target, request: ApiRequest): Promise<ApiResult<BothWays>> {
  const opened = await open(options, request);
  if (!opened.ok) return opened;
  const { outgoing, response, disarm, isOverdue } = opened.value;
  if ((response.statusCode ?? 0) >= 400) {
    try {
      return failureOfAnswer(
        response.statusCode ?? 0,
        parseJson(await readText(response)),
        options.server,
      );
    } catch (error: unknown) {
      return failureOfConnection(error, options, { request, isOverdue: isOverdue(), isSent: true });
    } finally {
      disarm();
      outgoing.destroy();
    }
  }
  disarm();
  const { server } = options;
  return { ok: true, value: { server, outgoing, response }, body: undefined };
}

async function* textOf(response: IncomingMessage): TextStream {
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response) yield decoder.decode(chunk, { stream: true });
  } finally {
    response.destroy();
  }
}

function open(options: Target, request: ApiRequest): Promise<Opening> {
  return new Promise((resolve) => {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), request.timeoutMs ?? options.timeoutMs);
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
      ...(options.authorityPem === undefined ? {} : { ca: options.authorityPem }),
    });
    let isSent = false;
    const patience = options.hasOthers
      ? setTimeout(() => {
          if (!isSent) outgoing.destroy(new Error(`no connection within ${connectMsMax} ms`));
        }, connectMsMax)
      : undefined;
    outgoing.once("socket", (socket) => {
      socket.once(url.protocol === "https:" ? "secureConnect" : "connect", () => {
        isSent = true;
        clearTimeout(patience);
      });
    });
    const stopWatch = options.hasOthers
      ? watchSilence({ url, authorityPem: options.authorityPem }, () =>
          outgoing.destroy(new Error("it does not answer any more")),
        )
      : undefined;
    outgoing.once("response", () => stopWatch?.());
    outgoing.once("close", () => {
      clearTimeout(patience);
      stopWatch?.();
    });
    const disarm = (): void => clearTimeout(timer);
    const isOverdue = (): boolean => deadline.signal.aborted;
    outgoing.once("response", (response) =>
      resolve({ ok: true, value: { outgoing, response, disarm, isOverdue } }),
    );
    outgoing.on("error", (error) => {
      disarm();
      const state = { request, isOverdue: isOverdue(), isSent };
      resolve(failureOfConnection(error, options, state));
    });
    if (request.upload !== undefined) {
      void sendUpload(outgoing, request.upload, () => timer.refresh());
    } else if (request.beginning === undefined) outgoing.end(content);
    else outgoing.write(request.beginning);
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
  options: Target,
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

interface ConnectionEnd {
  readonly request: ApiRequest;
  readonly isOverdue: boolean;
  /** The server was reached, and may have begun. */
  readonly isSent: boolean;
}

/** What a connection's end means: given up, out of time, or nobody there. */
function failureOfConnection(
  error: unknown,
  options: Target,
  { request, isOverdue, isSent }: ConnectionEnd,
): ApiFailure {
  const where = options.server;
  if (request.signal?.aborted === true || options.signal?.aborted === true) {
    return failure("aborted", "interrupted", "start it again");
  }
  if (isOverdue) {
    const changes = request.method === "GET" ? "" : "; the change may have been made all the same";
    return failure(
      "timed-out",
      `no answer from ${where} within ${(request.timeoutMs ?? options.timeoutMs) / 1_000} s${changes}`,
      "look at the server's log, then try again",
    );
  }
  if (isSent && request.method !== "GET") {
    return failure(
      "cut-off",
      `the connection to ${where} was cut: ${reasonOf(error)}; the change may have been made all the same`,
      "look whether it was made, then try again",
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
