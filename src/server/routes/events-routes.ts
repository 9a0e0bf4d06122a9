/** `/v1/events`, `/v1/watch`: what happened, and what happens. */
import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import { eventResourceSchema, pageRange, watchKinds } from "../../wire/api.ts";
import { problemOf } from "../../wire/errors.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "../http/app.ts";
import { ProblemError, unwrap } from "../http/problem-error.ts";
import { freshTables } from "../view/fresh.ts";
import { parseLastEventId, prepareWatch, type WatchKind } from "../view/watch-stream.ts";

const limit = z.coerce.number().int().min(pageRange.min).max(pageRange.max).default(100);
const sequence = z.string().regex(/^\d{1,16}$/, "must be the sequence of an event");
const eventsQuery = z.strictObject({
  limit,
  /** Only events before this one. */
  before: sequence.optional(),
  /** Only events about this service, node or server. */
  subject: z.string().max(200).optional(),
});
const watchQuery = z.strictObject({
  after: z.coerce.number().int().min(0).optional(),
  kinds: z
    .string()
    .optional()
    .transform((text, issues): ReadonlySet<WatchKind> => {
      const names = text === undefined ? [...watchKinds] : text.split(",");
      const kinds = watchKinds.filter((kind) => names.includes(kind));
      if (kinds.length === new Set(names).size) return new Set(kinds);
      issues.addIssue({ code: "custom", message: `kinds are ${watchKinds.join(", ")}` });
      return z.NEVER;
    }),
});
const eventListSchema = z.object({ revision: z.int(), items: z.array(eventResourceSchema) });

/** Adds the routes. */
export function eventRoutes(app: App, context: ServerContext): void {
  app.get(
    "/v1/events",
    { schema: { querystring: eventsQuery, response: { 200: eventListSchema } } },
    async (request) => {
      unwrap(await freshTables(context));
      const { before, subject } = request.query;
      const end = before?.padStart(16, "0");
      const items = context.view.events.filter(
        (event) =>
          (end === undefined || event.sequence < end) &&
          (subject === undefined || event.subject === subject),
      );
      const page = items.slice(-request.query.limit).reverse();
      return { revision: context.view.revision, items: page };
    },
  );
  app.get(
    "/v1/watch",
    { config: { stream: true }, schema: { querystring: watchQuery } },
    async (request, reply) => {
      const { after, kinds } = request.query;
      await watch(context, { request, reply, after, kinds });
      return reply;
    },
  );
}

interface WatchCall {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly after: number | undefined;
  readonly kinds: ReadonlySet<WatchKind>;
}

async function watch(context: ServerContext, call: WatchCall): Promise<void> {
  const header = call.request.headers["last-event-id"];
  const last = unwrap(parseLastEventId(Array.isArray(header) ? header[0] : header));
  const prepared = unwrap(
    await prepareWatch(context, { after: last ?? call.after, kinds: call.kinds }),
  );
  const stream = context.streams.open(call.reply.raw, "person");
  if (stream === undefined) {
    prepared.cancel();
    throw new ProblemError(problemOf("too-many", "too many streams are open already"));
  }
  call.reply.hijack();
  call.request.standing?.onLost((problem) => {
    stream.send({ event: "problem", data: problem });
    stream.close();
  });
  try {
    await prepared.run(stream);
  } finally {
    prepared.cancel();
    stream.close();
  }
}
