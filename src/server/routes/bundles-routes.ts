/** `/v1/bundles`: files for machines without internet, kept on all servers; and the same for other servers. */
import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import {
  type BundleRecord,
  bundleCheckSchema,
  bundleListSchema,
  bundleNameSchema,
  bundleResourceSchema,
  bundleVerificationSchema,
  bundleWaitMsMax,
  sha256Schema,
} from "../../wire/bundles.ts";
import { problemOf } from "../../wire/errors.ts";
import { keys } from "../../wire/records.ts";
import { bundleResource, findBundle } from "../bundles/copies.ts";
import { checksMax, idleMsMax, pushesMax, sendsMax, waitsMax } from "../bundles/limits.ts";
import { deletionOf, type PushWish, takeBundle, untilSafe } from "../bundles/push.ts";
import { checkEverywhere, checkHere, contentOf, ownContent } from "../bundles/send.ts";
import { change, unchanged } from "../changes/change.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "../http/app.ts";
import { ProblemError, refuse, unwrap } from "../http/problem-error.ts";
import { actorOf } from "../http/scopes.ts";
import { freshTables } from "../view/fresh.ts";
import type { Row } from "../view/table-slots.ts";
import type { ViewTables } from "../view/view-tables.ts";

/** A bundle is named by its SHA-256 or its name. */
const params = z.strictObject({ bundle: z.string().max(300) });
const pushParams = z.strictObject({ bundle: sha256Schema });
const waitMs = z.coerce.number().int().min(0).max(bundleWaitMsMax);
const lookQuery = z.strictObject({ waitMs: waitMs.default(0) });
const pushQuery = z.strictObject({
  name: bundleNameSchema,
  /** Take the place of another bundle of that name, or give this content the new name. */
  replace: z
    .enum(["true", "false"])
    .default("false")
    .transform((text) => (text === "true" ? "replace" : "keep")),
  waitMs: waitMs.default(30_000),
});

/** Adds the routes for people. */
export function bundleRoutes(app: App, context: ServerContext): void {
  readRoutes(app, context);
  app.delete("/v1/bundles/:bundle", { schema: { params } }, async (request, reply) => {
    const outcome = await change(context, actorOf(request), (tables) => {
      const row = findBundle(tables, request.params.bundle);
      if (row === undefined) return noSuch(request.params.bundle);
      const { sha256, name } = row.value;
      return {
        ok: true,
        value: {
          compare: [unchanged(`${keys.bundles}${sha256}`, row)],
          operations: deletionOf(tables, sha256),
          action: "bundle.remove",
          subject: name,
          detail: sha256,
        },
      };
    });
    unwrap(outcome);
    return reply.code(204).send();
  });
  app.register(async (scope) => {
    // Whatever its type is said to be, content is passed on as it comes, never gathered.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, payload, done) => {
      done(null, payload);
    });
    pushRoute(scope, context);
  });
}

function readRoutes(app: App, context: ServerContext): void {
  const { serverId } = context;
  const waiting = createCounter(waitsMax, "requests wait for copies already");
  const checking = createCounter(checksMax, "verifications are going on already");
  app.get("/v1/bundles", { schema: { response: { 200: bundleListSchema } } }, async () => {
    const tables = unwrap(await freshTables(context));
    const items = [...tables.bundles.values()]
      .map((row) => bundleResource(tables, row, serverId))
      .sort((left, right) => (left.name < right.name ? -1 : 1));
    return { revision: context.view.revision, items };
  });
  app.get(
    "/v1/bundles/:bundle",
    {
      config: { stream: true },
      schema: { params, querystring: lookQuery, response: { 200: bundleResourceSchema } },
    },
    async (request, reply) => {
      waiting.enter(reply);
      const { value } = await bundleOf(context, request.params.bundle);
      return unwrap(await untilSafe(context, value.sha256, request.query.waitMs));
    },
  );
  const sending = createCounter(sendsMax, "bundles are being sent already");
  app.get(
    "/v1/bundles/:bundle/content",
    { config: { stream: true }, schema: { params } },
    async (request, reply) => {
      const { value } = await bundleOf(context, request.params.bundle);
      sending.enter(reply);
      const content = unwrap(await contentOf(context, value));
      return sendContent(reply, value, content);
    },
  );
  app.get(
    "/v1/bundles/:bundle/verification",
    {
      config: { stream: true },
      schema: { params, response: { 200: bundleVerificationSchema } },
    },
    async (request, reply) => {
      checking.enter(reply);
      const { value } = await bundleOf(context, request.params.bundle);
      const servers = await checkEverywhere(context, value.sha256);
      return { sha256: value.sha256, name: value.name, servers };
    },
  );
}

function pushRoute(app: App, context: ServerContext): void {
  const taking = createCounter(pushesMax, "pushes are going on already");
  app.put(
    "/v1/bundles/:bundle",
    {
      config: { stream: true },
      schema: {
        params: pushParams,
        querystring: pushQuery,
        response: { 200: bundleResourceSchema, 201: bundleResourceSchema },
      },
    },
    async (request, reply) => {
      const { name, replace, waitMs: patienceMs } = request.query;
      const { bundle: sha256 } = request.params;
      const { body, sizeBytes } = contentIn(request);
      taking.enter(reply);
      const wish: PushWish = { sha256, name, sizeBytes, others: replace };
      const taken = unwrap(await takeBundle(context, actorOf(request), { wish, body }));
      const resource = unwrap(await untilSafe(context, sha256, patienceMs));
      if (!resource.isSafe) {
        const { copies, missing, majority } = resource;
        const count = copies.length + missing.length;
        throw new ProblemError(
          problemOf(
            "not-replicated",
            `"${name}" is on ${copies.length} of ${count} servers (${copies.join(", ")}), ${majority} are needed; missing on ${missing.join(", ")}`,
          ),
        );
      }
      return reply.code(taken === "new" ? 201 : 200).send(resource);
    },
  );
}

/** Adds the routes for other servers: only what is on this server's own disk. */
export function peerBundleRoutes(app: App, context: ServerContext): void {
  const peerParams = pushParams;
  app.get(
    "/v1/peers/bundles/:bundle",
    { config: { stream: true }, schema: { params: peerParams } },
    async (request, reply) => {
      const { value } = await bundleOf(context, request.params.bundle);
      const fromByte = firstByteIn(request.headers.range, value.sizeBytes);
      const content = ownContent(context, value, fromByte);
      if (content === undefined) {
        throw new ProblemError(problemOf("not-found", "this server has no copy of it"));
      }
      if (fromByte > 0) {
        const last = value.sizeBytes - 1;
        reply.code(206).header("content-range", `bytes ${fromByte}-${last}/${value.sizeBytes}`);
      }
      return sendContent(reply, { ...value, sizeBytes: value.sizeBytes - fromByte }, content);
    },
  );
  app.get(
    "/v1/peers/bundles/:bundle/verification",
    {
      config: { stream: true },
      schema: { params: peerParams, response: { 200: bundleCheckSchema } },
    },
    (request) => checkHere(context, request.params.bundle),
  );
}

async function bundleOf(context: ServerContext, words: string): Promise<Row<BundleRecord>> {
  const tables: ViewTables = unwrap(await freshTables(context));
  return findBundle(tables, words) ?? unwrap(noSuch(words));
}

function noSuch(words: string): ReturnType<typeof refuse> {
  return refuse("not-found", `there is no bundle "${words}"`);
}

function contentIn(request: FastifyRequest): { body: Readable; sizeBytes: number } {
  const { body } = request;
  const sizeBytes = Number(request.headers["content-length"] ?? 0);
  if (body instanceof Readable && Number.isSafeInteger(sizeBytes) && sizeBytes > 0) {
    return { body, sizeBytes };
  }
  throw new ProblemError(
    problemOf("bad-input", "send the file as the body, with its size in the header Content-Length"),
  );
}

/** The first byte that a header like `bytes=100-` asks for; without one, or with another form: all of it. */
function firstByteIn(range: string | undefined, sizeBytes: number): number {
  const fromByte = Number(/^bytes=(\d{1,15})-$/.exec(range ?? "")?.[1] ?? 0);
  return fromByte < sizeBytes ? fromByte : 0;
}

/** Sends content that is on its way, for as long as its reader takes it. */
export function sendContent(
  reply: FastifyReply,
  { sha256, sizeBytes }: Pick<BundleRecord, "sha256" | "sizeBytes">,
  content: Readable,
): FastifyReply {
  // A reader that takes nothing for so long is let go of.
  reply.raw.setTimeout(idleMsMax, () => reply.raw.destroy());
  reply.raw.once("close", () => {
    content.destroy();
  });
  return reply
    .type("application/octet-stream")
    .header("content-length", sizeBytes)
    .header("etag", `"${sha256}"`)
    .send(content);
}

/** How many answers are under way. */
export interface Counter {
  /** Counts until the answer is out; too many are refused. */
  enter(reply: FastifyReply): void;
}

/** `what` says, after the number, what there is too much of. */
export function createCounter(max: number, what: string): Counter {
  let count = 0;
  return {
    enter(reply) {
      if (count >= max) throw new ProblemError(problemOf("too-many", `${max} ${what}`));
      count += 1;
      reply.raw.once("close", () => {
        count -= 1;
      });
    },
  };
}
