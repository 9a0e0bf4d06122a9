/** Small HTTP client on `node:http`: connections are kept, answers are bounded, every request has an end. */
import type { Agent, ClientRequest, IncomingMessage } from "node:http";
import { err, ok, type Result } from "../../core/result.ts";

/**
 * Not imported, because an import also evaluates what the module loads only when it is asked for: the code for
 * WebSockets, which costs an agent megabytes and is never used.
 */
const http = process.getBuiltinModule("node:http");

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

export interface PostOptions {
  readonly server: string;
  readonly path: string;
  readonly token: string;
  readonly body: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const answerBytesMax = 1_048_576;

/** Up to `socketsMax` connections to each server; `destroy` ends them all. */
export function createConnections(socketsMax: number): Agent {
  const reuse = { keepAlive: true, maxFreeSockets: 4, scheduling: "lifo" } as const;
  return new http.Agent({ ...reuse, maxSockets: socketsMax });
}

/** Opens a request to a server; the caller ends it. */
export function openRequest(
  connections: Agent,
  options: Pick<PostOptions, "server" | "path" | "token" | "signal"> & {
    readonly method: "GET" | "POST";
    readonly headers: Readonly<Record<string, string | number>>;
  },
): ClientRequest {
  return http.request(new URL(options.path, options.server), {
    agent: connections,
    method: options.method,
    signal: options.signal,
    headers: { authorization: `Bearer ${options.token}`, ...options.headers },
  });
}

/** Posts JSON and reads the answer, whatever its status. The error says why there was none. */
export function postJson(
  connections: Agent,
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
