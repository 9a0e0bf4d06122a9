/** The HTTP server itself: parsing, refusing, documenting and error answers, the same for every route. */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { ServerOptions } from "node:https";
import type { Socket } from "node:net";
import swagger from "@fastify/swagger";
import fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type RawServerDefault,
  type RouteOptions,
} from "fastify";
import { createJsonSchemaTransform, type ZodTypeProvider } from "fastify-type-provider-zod";
import * as z from "zod";
import type { Log } from "../../ports/log.ts";
import {
  faultsOf,
  lineOfFaults,
  type Problem,
  problemOf,
  problemSchema,
} from "../../wire/errors.ts";
import type { Identity } from "../access/identity.ts";
import type { Standing } from "../access/standing.ts";
import { bodyBytesMax, bodyWithinMs, paramLengthMax, requestsMax } from "../limits.ts";
import { documentationOf } from "./documentation.ts";
import type { WhileFrozen } from "./freeze-gate.ts";
import { ProblemError } from "./problem-error.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Set by the guard of the routes; undefined: the route is open to everybody. */
    identity: Identity | undefined;
    /** Of a long answer: its right to go on; undefined: the answer is short, or open to everybody. */
    standing: Standing | undefined;
    /** Of a person's call that may change something: what becomes of it in a frozen cluster. */
    whileFrozen: WhileFrozen | undefined;
  }
  interface FastifyContextConfig {
    /** The answer goes on for as long as its reader wants: it does not count as a request in flight. */
    stream?: boolean;
    /** It belongs to a facade (`facade.ts`), which answers for it. */
    facade?: boolean;
  }
}

/** Fastify with zod's types. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

export interface AppOptions {
  readonly log: Log;
  readonly version: string;
  readonly answers: "trusted" | "checked";
  /** Speaks HTTPS and asks callers for a certificate, which they may leave out; undefined: plain HTTP. */
  readonly tls?: TlsCredentials | undefined;
  /** How long the body of a request that is no stream may take to arrive. */
  readonly bodyWithinMs?: number;
}

/** PEM texts; `set` of the running server takes others for new connections. */
export interface TlsCredentials {
  readonly keyPem: string;
  readonly certificatePem: string;
  /** Authorities whose certificates are accepted from callers. */
  readonly authorityPem: string;
}

/** What `node:tls` calls them. A caller without a certificate is let in and has to bring a token. */
export function secureOptionsOf(tls: TlsCredentials): ServerOptions {
  return {
    key: tls.keyPem,
    cert: tls.certificatePem,
    ca: tls.authorityPem,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: "TLSv1.2",
  };
}

/** An app without routes; register them, then listen. */
export async function createApp(options: AppOptions): Promise<App> {
  const { tls } = options;
  const app: App = fastify({
    logger: false,
    ...(tls === undefined ? {} : { https: secureOptionsOf(tls) }),
    bodyLimit: bodyBytesMax,
    exposeHeadRoutes: false,
    // An agent that sends a service's output for as long as somebody follows it sends one long request.
    requestTimeout: 0,
    return503OnClosing: false, // it is refused below, in words that clients understand
    routerOptions: { maxParamLength: paramLengthMax },
    frameworkErrors: (error, _request, reply) => {
      sendProblem(reply, problemOfError(error) ?? problemOf("bad-input", error.message));
    },
    clientErrorHandler: refuseUnreadable,
  }).withTypeProvider<ZodTypeProvider>();
  app.decorateRequest("identity", undefined);
  app.decorateRequest("standing", undefined);
  app.decorateRequest("whileFrozen", undefined);
  app.setValidatorCompiler<z.ZodType>(({ schema, httpPart }) => (data: unknown) => {
    const parsed = schema.safeParse(data);
    if (parsed.success) return { value: parsed.data };
    return { error: new ProblemError(badInput(parsed.error, httpPart)) };
  });
  app.setSerializerCompiler<z.ZodType>(({ schema }) => (data: unknown) => {
    if (options.answers === "checked") schema.parse(data);
    return JSON.stringify(data);
  });
  const routes: RouteOptions[] = [];
  app.addHook("onRoute", (route) => {
    completeSchema(route);
    routes.push(route);
  });
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Holdfast", version: options.version },
      components: {
        securitySchemes: {
          token: { type: "http", scheme: "bearer" },
          password: { type: "http", scheme: "basic" },
        },
      },
      security: [{ token: [] }, { password: [] }],
    },
    transform: createJsonSchemaTransform({ zodToJsonConfig: { unrepresentable: "any" } }),
  });
  refuseWhileClosing(app);
  boundRequests(app, options.bodyWithinMs ?? bodyWithinMs);
  app.setErrorHandler((error: FastifyError, request, reply) => {
    sendProblem(reply, problemOfError(error) ?? internalProblem(error, request, options.log));
  });
  app.setNotFoundHandler((request, reply) => {
    sendProblem(reply, noRoute(request, reply, routes));
  });
  return app;
}

/** Every route refuses unknown query parameters, says in words what it does, and documents its problems. */
function completeSchema(route: RouteOptions): void {
  if (route.method === "HEAD") return; // made by the framework, as a GET without its body
  if (route.config?.facade === true) {
    route.schema = { ...route.schema, hide: true };
    return;
  }
  const problem = {
    description: "What is wrong, as problem details (RFC 9457)",
    content: { "application/problem+json": { schema: problemSchema } },
  };
  const { response, ...words } = documentationOf(String(route.method), route.url);
  const known: unknown = route.schema?.response;
  const checked = typeof known === "object" && known !== null ? known : {};
  route.schema = {
    querystring: z.strictObject({}),
    ...words,
    ...route.schema,
    response: { ...response, ...checked, "4xx": problem, "5xx": problem },
  };
}

function badInput(error: z.ZodError, part: string | undefined): Problem {
  const prefix = part === "querystring" ? "query" : part === "params" ? "path" : "";
  const faults = faultsOf(error).map((fault) => ({
    path: [prefix, fault.path].filter((piece) => piece !== "").join("."),
    message: fault.message,
  }));
  // What is wrong with a name in the path is said in words that quote the name.
  const line =
    prefix === "path" ? faults.map(({ message }) => message).join("; ") : lineOfFaults(error);
  return problemOf("bad-input", prefix === "query" ? `query: ${line}` : line, faults);
}

/** Whoever asks on a connection that is open still hears that nothing was done, and goes on at another server. */
function refuseWhileClosing(app: App): void {
  let isClosing = false;
  app.addHook("preClose", (done) => {
    isClosing = true;
    done();
  });
  app.addHook("onRequest", (_request, reply, done) => {
    // A connection whose answer is over only then would be waited for until its client goes, or for 72 seconds.
    reply.raw.once("close", () => {
      if (isClosing) setImmediate(() => app.server.closeIdleConnections());
    });
    if (isClosing) done(new ProblemError(problemOf("unavailable", "this server is shutting down")));
    else done();
  });
}

/** Nobody keeps one of the places, or what they were allowed when it began, by never ending a request. */
function boundRequests(app: App, withinMs: number): void {
  let requestCount = 0;
  app.addHook("onRequest", (request, reply, done) => {
    if (request.routeOptions.config.stream === true) {
      done();
      return;
    }
    if (requestCount >= requestsMax) {
      done(new ProblemError(problemOf("too-many", `${requestsMax} requests are open already`)));
      return;
    }
    requestCount += 1;
    const { raw } = request;
    const late = setTimeout(() => {
      if (!raw.complete) raw.destroy();
    }, withinMs);
    reply.raw.once("close", () => {
      clearTimeout(late);
      requestCount -= 1;
    });
    done();
  });
}

/** Writes problem details. */
export function sendProblem(reply: FastifyReply, problem: Problem): void {
  if (problem.status === 401) reply.header("www-authenticate", "Bearer");
  void reply
    .code(problem.status)
    .type("application/problem+json")
    .serializer((value: unknown) => JSON.stringify(value))
    .send(problem);
}

/** The framework's own refusals, and ours; undefined: it is a bug. */
function problemOfError(error: FastifyError | ProblemError): Problem | undefined {
  if (error instanceof ProblemError) return error.problem;
  switch (error.code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return problemOf("too-large", `the body is larger than ${bodyBytesMax} bytes`);
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return problemOf("not-supported", "the content-type of the body is not application/json");
    case "FST_ERR_CTP_EMPTY_JSON_BODY":
      return problemOf("bad-input", "the body is empty");
    case "FST_ERR_CTP_INVALID_JSON_BODY":
      return problemOf("bad-input", "the body is not valid JSON");
    case "FST_ERR_MAX_PARAM_LENGTH":
      return problemOf(
        "bad-input",
        `a name in the path is longer than ${paramLengthMax} characters`,
      );
    default:
      break;
  }
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500)
    return problemOf("bad-input", error.message.split("\n", 1)[0] ?? "");
  return undefined;
}

/** A request that is no HTTP as far as it goes: nobody has read it, so the answer is written by hand. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem =
    unreadable[error.code ?? ""] ?? problemOf("bad-input", "the request is not valid HTTP");
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    "content-type: application/problem+json",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  socket.destroySoon(); // once it is sent: a client that never ends its side holds nothing here
}

const unreadable: Readonly<Record<string, Problem>> = {
  HPE_HEADER_OVERFLOW: problemOf("too-large", "the headers of the request are too large"),
  HPE_INVALID_METHOD: problemOf("bad-input", "the request's method is none that HTTP knows"),
  ERR_HTTP_REQUEST_TIMEOUT: problemOf("bad-input", "the request did not arrive in time"),
};

function internalProblem(error: Error, request: FastifyRequest, log: Log): Problem {
  log.write("error", `bug while answering: ${error.message}`, {
    method: request.method,
    path: request.routeOptions.url,
    stack: error.stack,
  });
  return problemOf("internal", "the server has a bug, its log says more");
}

function noRoute(
  request: FastifyRequest,
  reply: FastifyReply,
  routes: readonly RouteOptions[],
): Problem {
  const path = request.url.split("?", 1)[0] ?? "";
  const methods = routes
    .filter((route) => isPathOf(route.url, path))
    .flatMap((route) => [route.method].flat());
  if (methods.length === 0) return problemOf("not-found", `there is no ${path} here`);
  reply.header("allow", methods.join(", "));
  return problemOf(
    "method-not-allowed",
    `${path} takes ${methods.join(", ")}, not ${request.method}`,
  );
}

function isPathOf(pattern: string, path: string): boolean {
  const wanted = pattern.split("/");
  const given = path.split("/");
  return (
    wanted.length === given.length &&
    wanted.every((piece, index) => piece.startsWith(":") || piece === given[index])
  );
}
