/** `/v1/agent/...`: what agents may do, each for the one node that its token names. */
import { Readable } from "node:stream";
import * as z from "zod";
import {
  agentLinesContentType,
  agentPaths,
  confirmAnswerSchema,
  confirmRequestSchema,
  joinAnswerSchema,
  joinRequestSchema,
  leaseAnswerSchema,
  leaseRequestSchema,
  modeAnswerSchema,
  modeRequestSchema,
  releaseRequestSchema,
  reportRequestSchema,
  usageRequestSchema,
} from "../../wire/agent-protocol.ts";
import { problemOf } from "../../wire/errors.ts";
import { execContentType } from "../../wire/exec/frames.ts";
import { certificateAnswerSchema, certificateRequestSchema } from "../../wire/joining.ts";
import { beginExecAnswer } from "../agents/exec-bridge.ts";
import { answerLines } from "../agents/lease-lines.ts";
import { releaseLease, takeLease } from "../agents/leases.ts";
import { putMode } from "../agents/modes.ts";
import { confirm, join, report } from "../agents/reports.ts";
import { putUsages } from "../agents/usages.ts";
import type { ServerContext } from "../context.ts";
import { renewNodeCertificate } from "../control-plane/join-node.ts";
import type { App } from "../http/app.ts";
import { ProblemError, refuse, unwrap } from "../http/problem-error.ts";
import { actorOf, agentOf, agentTokenOf, nodeOf } from "../http/scopes.ts";

const answerParams = z.strictObject({ requestId: z.string().max(64) });

/** Adds the routes. */
export function agentRoutes(app: App, context: ServerContext): void {
  leaseRoutes(app, context);
  reportRoutes(app, context);
  app.register(async (scope) => {
    // What is passed on is passed on as it comes, never gathered.
    scope.addContentTypeParser(
      ["text/plain", "application/octet-stream", execContentType, agentLinesContentType],
      (_request, payload, done) => {
        done(null, payload);
      },
    );
    instructionRoute(scope, context);
    logRoute(scope, context);
    execRoute(scope, context);
  });
}

function leaseRoutes(app: App, context: ServerContext): void {
  app.post(
    agentPaths.join,
    { schema: { body: joinRequestSchema, response: { 200: joinAnswerSchema } } },
    async (request) => {
      const node = nodeOf(request);
      const agent = { ...actorOf(request), tokenId: agentTokenOf(request) };
      unwrap(await join(context, node, request.body, agent));
      const haGroup = context.view.tables.haMembers.get(node)?.value.group;
      const answer = { node, serverVersion: context.version };
      return haGroup === undefined ? answer : { ...answer, haGroup };
    },
  );
  app.post(
    agentPaths.certificate,
    { schema: { body: certificateRequestSchema, response: { 200: certificateAnswerSchema } } },
    async (request) =>
      unwrap(await renewNodeCertificate(context, agentOf(request), request.body.requestPem)),
  );
  app.post(
    agentPaths.lease,
    { schema: { body: leaseRequestSchema, response: { 200: leaseAnswerSchema } } },
    async (request) => unwrap(await takeLease(context, nodeOf(request), request.body)),
  );
  app.post(
    agentPaths.release,
    { schema: { body: releaseRequestSchema } },
    async (request, reply) => {
      unwrap(await releaseLease(context, nodeOf(request), request.body));
      return reply.code(204).send();
    },
  );
  app.post(
    agentPaths.mode,
    { schema: { body: modeRequestSchema, response: { 200: modeAnswerSchema } } },
    async (request) => ({ mode: unwrap(await putMode(context, nodeOf(request), request.body)) }),
  );
}

function instructionRoute(app: App, context: ServerContext): void {
  app.post(agentPaths.instructions, { config: { stream: true } }, (request, reply) => {
    const node = nodeOf(request);
    const lines: unknown = request.body;
    // The body has no end of its own: the connection ends with the answer.
    reply.raw.setHeader("connection", "close");
    const stream = context.streams.open(reply.raw, "agent");
    if (stream === undefined) {
      throw new ProblemError(problemOf("too-many", "too many streams are open already"));
    }
    reply.hijack();
    request.standing?.onLost(() => stream.close());
    if (lines instanceof Readable) answerLines(context, { node, lines, stream });
    context.instructions.attach(node, stream);
  });
}

function reportRoutes(app: App, context: ServerContext): void {
  app.post(
    agentPaths.confirm,
    { schema: { body: confirmRequestSchema, response: { 200: confirmAnswerSchema } } },
    async (request) => {
      return { current: unwrap(await confirm(context, nodeOf(request), request.body)) };
    },
  );
  app.post(agentPaths.report, { schema: { body: reportRequestSchema } }, async (request, reply) => {
    unwrap(await report(context, nodeOf(request), request.body));
    return reply.code(204).send();
  });
  app.post(agentPaths.usage, { schema: { body: usageRequestSchema } }, async (request, reply) => {
    unwrap(await putUsages(context, nodeOf(request), request.body));
    return reply.code(204).send();
  });
}

function logRoute(app: App, context: ServerContext): void {
  app.post(
    `${agentPaths.logs}/:requestId`,
    { config: { stream: true }, schema: { params: answerParams } },
    async (request, reply) => {
      const body: unknown = request.body;
      const outcome =
        body instanceof Readable
          ? await context.relays.logs.answer(request.params.requestId, nodeOf(request), body)
          : refuse("not-supported", "send the output as text/plain");
      unwrap(outcome);
      return reply.code(204).send();
    },
  );
}

function execRoute(app: App, context: ServerContext): void {
  app.post(
    `${agentPaths.exec}/:requestId`,
    { config: { stream: true }, schema: { params: answerParams } },
    async (request, reply) => {
      const input: unknown = request.body;
      const { requestId } = request.params;
      const node = nodeOf(request);
      if (!(input instanceof Readable)) {
        throw new ProblemError(problemOf("not-supported", `send frames as ${execContentType}`));
      }
      if (!context.relays.execs.isAwaited(requestId, node)) {
        throw new ProblemError(problemOf("not-found", "nobody waits for this command any more"));
      }
      reply.hijack();
      beginExecAnswer(reply.raw);
      await context.relays.execs.answer(requestId, node, { input, output: reply.raw });
      return reply;
    },
  );
}
