/** Small HTTP client on `node:http`: connections are kept, answers are bounded, every request has an end. */
import type { Agent, ClientRequest, IncomingMessage } from "node:http";
import { err, ok, type Result } from "../../core/result.ts";

/**
 * Not imported, because an import also evaluates what the module loads only when it is asked for: the code for
 * WebSockets, which costs an agent megabytes and is never used.
 */
const http = process.getBuiltinModule("node:http");

/** What an agent shows to servers that speak HTTPS, and what it checks them with; PEM texts. */
export interface ClientTls {
  readonly authorityPem: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

export interface PostOptions {
  readonly server: string;
  readonly path: string;
  /** Undefined: the certificate says who asks. */
  readonly token: string | undefined;
  readonly body: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const answerBytesMax = 1_048_576;

/** Connections that are kept to be used again, plain ones and encrypted ones. */
export interface Connections {
  /** For requests to this address. */
  agentFor(url: URL): Agent;
  /** Connections that begin from now on show this certificate. */
  useTls(tls: ClientTls): void;
  destroy(): void;
}

/** Up to `socketsMax` connections to each server; `destroy` ends them all. */
export function createConnections(socketsMax: number, tls?: ClientTls): Connections {
  const reuse = { keepAlive: true, maxFreeSockets: 4, scheduling: "lifo" } as const;
  const options = { ...reuse, maxSockets: socketsMax };
  const plain = new http.Agent(options);
  let credentials = tls;
  let secure: Agent | undefined;
  return {
    agentFor(url) {
      if (url.protocol !== "https:") return plain;
      const { Agent: SecureAgent } = process.getBuiltinModule("node:https");
      secure ??= new SecureAgent({
        ...options,
        ca: credentials?.authorityPem,
        cert: credentials?.certificatePem,
        key: credentials?.keyPem,
        // A session that is taken up again brings back what the server's clock said of the certificate when it began.
        maxCachedSessions: 0,
      });
      return secure;
    },
    useTls(fresh) {
      credentials = fresh;
      // What is under way goes on; connections that nobody uses are closed.
      for (const sockets of Object.values(secure?.freeSockets ?? {})) {
        for (const socket of sockets ?? []) socket.destroy();
      }
      secure = undefined;
    },
    destroy() {
      plain.destroy();
      secure?.destroy();
    },
  };
}

/** Opens a request to a server; the caller ends it. */
export function openRequest(
  connections: Connections,
  options: Pick<PostOptions, "server" | "path" | "token" | "signal"> & {
    readonly method: "GET" | "POST";
    readonly headers: Readonly<Record<string, string | number>>;
  },
): ClientRequest {
  const url = new URL(options.path, options.server);
  const { request } = url.protocol === "https:" ? process.getBuiltinModule("node:https") : http;
  const { token } = options;
  return request(url, {
    agent: connections.agentFor(url),
    method: options.method,
    signal: options.signal,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...options.headers,
    },
  });
}

/** Posts JSON and reads the answer, whatever its status. The error says why there was none. */
export function postJson(
  connections: Connections,
  options: PostOptions,
): Promise<Result<HttpAnswer, string>> {
  return new Promise((resolve) => {
    const outgoing = openRequest(connections, {
      ...options,
      method: "POST",
      headers: {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(options.body),
      },
    });
    const timer = setTimeout(() => {
      giveUp(`no answer in ${Math.round(options.timeoutMs)} ms`);
    }, options.timeoutMs);
    const finish = (result: Result<HttpAnswer, string>): void => {
      clearTimeout(timer);
      resolve(result);
    };
    // Settled here, because a request whose answer had begun may end without an "error".
    const giveUp = (why: string): void => {
      finish(err(why));
      outgoing.destroy();
    };
    outgoing.on("error", (error) => finish(err(error.message)));
    outgoing.on("response", (incoming) => {
      readBody(incoming, (body) => {
        if (body === undefined) giveUp("the answer is too long or was cut off");
        else finish(ok({ status: incoming.statusCode ?? 0, body }));
      });
    });
    outgoing.end(options.body);
  });
}

/** Calls back once: with the whole body, or undefined when it is too long or did not come to its end. */
function readBody(incoming: IncomingMessage, done: (body: string | undefined) => void): void {
  let body = "";
  incoming.setEncoding("utf8");
  incoming.on("data", (chunk: string) => {
    body += chunk;
    if (body.length > answerBytesMax) incoming.destroy();
  });
  incoming.on("error", () => undefined); // "close" follows and says that it is not complete
  incoming.on("close", () => done(incoming.complete ? body : undefined));
}
