/** The HTTP server itself: parsing, refusing, documenting and error answers, the same for every route. */
import type { IncomingMessage, ServerResponse } from "node:http";
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
import { bodyBytesMax, requestsMax } from "../limits.ts";
import type { Identity } from "./auth.ts";
import { ProblemError } from "./problem-error.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Set by the authentication of the route's scope. */
    identity: Identity | undefined;
  }
  interface FastifyContextConfig {
    /** The answer goes on for as long as its reader wants: it does not count as a request in flight. */
    stream?: boolean;
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
}

/** An app without routes; register them, then listen. */
export async function createApp(options: AppOptions): Promise<App> {
  const app: App = fastify({
    logger: false,
    bodyLimit: bodyBytesMax,
    exposeHeadRoutes: false,
    // An agent that sends a service's output for as long as somebody follows it sends one long request.
    requestTimeout: 0,
    routerOptions: { maxParamLength: 300 },
    frameworkErrors: (error, _request, reply) => {
      sendProblem(reply, problemOfError(error) ?? problemOf("bad-input", error.message));
    },
  }).withTypeProvider<ZodTypeProvider>();
  app.decorateRequest("identity", undefined);
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
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
      security: [{ token: [] }],
    },
    transform: createJsonSchemaTransform({ zodToJsonConfig: { unrepresentable: "any" } }),
  });
  boundRequests(app);
  app.setErrorHandler((error: FastifyError, request, reply) => {
    sendProblem(reply, problemOfError(error) ?? internalProblem(error, request, options.log));
  });
  app.setNotFoundHandler((request, reply) => {
    sendProblem(reply, noRoute(request, reply, routes));
  });
  return app;
}

/** Every route refuses unknown query parameters and documents its problems. */
function completeSchema(route: RouteOptions): void {
  const problem = {
    description: "What is wrong, as problem details (RFC 9457)",
    content: { "application/problem+json": { schema: problemSchema } },
  };
  const known: unknown = route.schema?.response;
  const response = typeof known === "object" && known !== null ? known : {};
  route.schema = {
    querystring: z.strictObject({}),
    ...route.schema,
    response: { ...response, "4xx": problem, "5xx": problem },
  };
}

function badInput(error: z.ZodError, part: string | undefined): Problem {
  const prefix = part === "querystring" ? "query" : part === "params" ? "path" : "";
  const faults = faultsOf(error).map((fault) => ({
    path: [prefix, fault.path].filter((piece) => piece !== "").join("."),
    message: fault.message,
  }));
  const line = lineOfFaults(error);
  return problemOf("bad-input", prefix === "" ? line : `${prefix}: ${line}`, faults);
}

function boundRequests(app: App): void {
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
    reply.raw.once("close", () => {
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
    default:
      break;
  }
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500)
    return problemOf("bad-input", error.message.split("\n", 1)[0] ?? "");
  return undefined;
}

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
