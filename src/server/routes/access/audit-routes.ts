/** `/v1/audit`: who changed what. It is in the store, and so outlives the server that wrote it. */
import * as z from "zod";
import { readRecord } from "../../../runtime/manager-records.ts";
import { type AuditResource, auditResourceSchema, pageRange } from "../../../wire/api.ts";
import { auditRecordSchema, keys } from "../../../wire/records.ts";
import type { ServerContext } from "../../context.ts";
import type { App } from "../../http/app.ts";
import { fromStore, unwrap } from "../../http/problem-error.ts";
import { auditWaitersMax } from "../../limits.ts";
import { freshTables } from "../../view/fresh.ts";

const auditListSchema = z.object({ revision: z.int(), items: z.array(auditResourceSchema) });
const query = z.strictObject({
  limit: z.coerce.number().int().min(pageRange.min).max(pageRange.max).default(100),
  /** Only entries since then. */
  sinceMs: z.coerce.number().int().min(0).optional(),
  /** Only entries of later revisions, of many the first ones; `revision` of the answer is the next `after`. */
  after: z.coerce.number().int().min(0).optional(),
  /** With `after`: how long to wait for an entry when there is none yet. */
  waitMs: z.coerce.number().int().min(0).max(30_000).default(0),
});
type AuditQuery = z.output<typeof query>;

/** Adds the route. */
export function auditRoutes(app: App, context: ServerContext): void {
  const ending = new AbortController();
  let waiterCount = 0;
  app.addHook("preClose", async () => {
    ending.abort();
  });
  app.get(
    "/v1/audit",
    {
      config: { stream: true },
      schema: { querystring: query, response: { 200: auditListSchema } },
    },
    async (request, reply) => {
      const { after, waitMs } = request.query;
      unwrap(await freshTables(context));
      const page = await read(context, request.query);
      const mayWait = after !== undefined && waitMs > 0 && waiterCount < auditWaitersMax;
      if (!mayWait || page.items.length > 0) return page;
      waiterCount += 1;
      const gone = new AbortController();
      reply.raw.once("close", () => gone.abort());
      await nextEntry(context, waitMs, AbortSignal.any([ending.signal, gone.signal]));
      waiterCount -= 1;
      return await read(context, request.query);
    },
  );
}

async function read(
  context: ServerContext,
  { limit, sinceMs, after }: AuditQuery,
): Promise<z.output<typeof auditListSchema>> {
  const { auditKeys, revision } = context.view;
  // Two servers may write in another order than that of their keys, but never far apart.
  const tail = auditKeys.at(-(after === undefined ? limit : pageRange.max) - 1);
  const range = tail === undefined ? {} : { afterKey: tail };
  const { entries } = unwrap(fromStore(await context.store.range(keys.audit, range)));
  const items = entries
    .map((entry): AuditResource => {
      const { version: _, ...record } = readRecord(auditRecordSchema, entry.key, entry.value);
      return { revision: entry.modRevision, ...record };
    })
    .filter(
      (item) =>
        (sinceMs === undefined || item.atMs >= sinceMs) &&
        (after === undefined || (item.revision > after && item.revision <= revision)),
    );
  if (after === undefined) return { revision, items: items.slice(-limit).reverse() };
  items.sort((left, right) => left.revision - right.revision);
  // `after` is a revision, so what was written at one goes together: a move between stores writes many at once.
  const full = items[limit - 1]?.revision;
  const page = items.filter(({ revision: at }, index) => index < limit || at === full);
  const last = page.length < items.length ? page.at(-1) : undefined;
  return { revision: last?.revision ?? revision, items: page.reverse() };
}

/** Resolves with the next entry, after `waitMs`, or when the signal says so. */
async function nextEntry(
  context: ServerContext,
  waitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = context.clock.after(waitMs, resolve);
  signal.addEventListener("abort", () => resolve(), { once: true });
  if (signal.aborted) resolve();
  const stopListening = context.view.listen({
    changed({ changedKeys }) {
      if (changedKeys.some((key) => key.startsWith(keys.audit))) resolve();
    },
    reset: resolve,
  });
  await promise;
  stopListening();
  cancel();
}
