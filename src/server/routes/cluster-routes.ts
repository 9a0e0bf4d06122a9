/** `/v1/cluster`, `/v1/settings`, `/v1/nodes`: the cluster as a whole, and its nodes. */

import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { epochOf, type NodeId } from "../../core/ids.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import { clusterStatusSchema, type NodeResource, nodeResourceSchema } from "../../wire/api.ts";
import { faultsOf, lineOfFaults, type Problem, problemOf } from "../../wire/errors.ts";
import { nodeIdSchema } from "../../wire/ids.ts";
import { keys } from "../../wire/records.ts";
import { type Settings, settingsSchema } from "../../wire/settings.ts";
import { type ChangePlan, change } from "../changes/change.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "../http/app.ts";
import { brokenPrecondition, etagOf, type Precondition, preconditionOf } from "../http/etag.ts";
import { ProblemError, refuse, unwrap } from "../http/problem-error.ts";
import { actorOf } from "../http/scopes.ts";
import { clusterStatus, nodeResource, nodeResources } from "../view/compose.ts";
import { freshTables } from "../view/fresh.ts";
import type { ViewTables } from "../view/view-tables.ts";

const nodeParams = z.strictObject({ id: nodeIdSchema });
const noFields = z.strictObject({}).nullish();
const nodeListSchema = z.object({ revision: z.int(), items: z.array(nodeResourceSchema) });

/** Adds the routes. */
export function clusterRoutes(app: App, context: ServerContext): void {
  app.get("/v1/cluster", { schema: { response: { 200: clusterStatusSchema } } }, async () => {
    unwrap(await freshTables(context));
    return clusterStatus(context.view, context);
  });
  settingsRoutes(app, context);
  nodeRoutes(app, context);
}

function settingsRoutes(app: App, context: ServerContext): void {
  app.get("/v1/settings", { schema: { response: { 200: settingsSchema } } }, async (_, reply) => {
    const { value, revision } = unwrap(await freshTables(context)).settings;
    reply.header("etag", etagOf(revision));
    return value;
  });
  app.put(
    "/v1/settings",
    { schema: { body: settingsSchema, response: { 200: settingsSchema } } },
    async (request, reply) => {
      const precondition = unwrap(preconditionOf(request));
      const plan = (tables: ViewTables) => planSettings(tables, request.body, precondition);
      const { settings } = unwrap(await change(context, actorOf(request), plan));
      reply.header("etag", etagOf(settings.revision));
      return settings.value;
    },
  );
}

/** Settings are always there; revision 0 stands for those that nobody has changed yet. */
function planSettings(
  tables: ViewTables,
  settings: Settings,
  precondition: Precondition,
): Result<ChangePlan, Problem> {
  const { value, revision } = tables.settings;
  const broken = brokenPrecondition(precondition, "the settings", revision);
  if (broken !== undefined) return err(broken);
  const key = keys.settings;
  const isSame = revision > 0 && isDeepStrictEqual(value, settings);
  return ok({
    compare: [revision === 0 ? { kind: "absent", key } : { kind: "modified-at", key, revision }],
    operations: isSame ? [] : [{ kind: "put", key, value: jsonOf({ version: 1, settings }) }],
    action: "settings.change",
    subject: key,
    detail: JSON.stringify(settings),
  });
}

function nodeRoutes(app: App, context: ServerContext): void {
  app.get("/v1/nodes", { schema: { response: { 200: nodeListSchema } } }, async () => {
    const tables = unwrap(await freshTables(context));
    return { revision: context.view.revision, items: nodeResources(tables) };
  });
  app.get(
    "/v1/nodes/:id",
    { schema: { params: nodeParams, response: { 200: nodeResourceSchema } } },
    async (request, reply) => {
      const node = foundNode(unwrap(await freshTables(context)), request.params.id);
      reply.header("etag", etagOf(node.revision));
      return node;
    },
  );
  app.post(
    "/v1/nodes/:id/confirm-off",
    { schema: { params: nodeParams, response: { 200: nodeResourceSchema } } },
    async (request) => {
      unwrap(checkNoFields(request.body));
      const { id } = request.params;
      const plan = (tables: ViewTables) => planConfirmOff(tables, id);
      return foundNode(unwrap(await change(context, actorOf(request), plan)), id);
    },
  );
}

/** A person's word that the node is off (S4); refused while its lease says the contrary. */
function planConfirmOff(tables: ViewTables, node: NodeId): Result<ChangePlan, Problem> {
  const row = tables.nodes.get(node);
  if (row === undefined) return refuse("not-found", `there is no node "${node}"`);
  if (tables.leases.has(node)) {
    return refuse("refused", `node "${node}" holds a live lease, so it is not off`);
  }
  const epochRow = tables.epochs.get(node);
  const epoch = epochRow?.value.epoch ?? epochOf(0);
  const isSame = row.value.confirmedOffEpoch === epoch;
  const nodeKey = `${keys.nodes}${node}`;
  const epochKey = `${keys.epochs}${node}`;
  return ok({
    compare: [
      { kind: "modified-at", key: nodeKey, revision: row.revision },
      { kind: "absent", key: `${keys.leases}${node}` },
      epochRow === undefined
        ? { kind: "absent", key: epochKey }
        : { kind: "modified-at", key: epochKey, revision: epochRow.revision },
    ],
    operations: isSame
      ? []
      : [{ kind: "put", key: nodeKey, value: jsonOf({ ...row.value, confirmedOffEpoch: epoch }) }],
    action: "node.confirm-off",
    subject: node,
    detail: `off up to and including epoch ${epoch}`,
  });
}

/** The request itself is all that there is to say: no body, or one without fields. */
function checkNoFields(body: unknown): Result<void, Problem> {
  const parsed = noFields.safeParse(body);
  if (parsed.success) return ok(undefined);
  return err(problemOf("bad-input", lineOfFaults(parsed.error), faultsOf(parsed.error)));
}

function foundNode(tables: ViewTables, node: NodeId): NodeResource {
  const resource = nodeResource(tables, node);
  if (resource !== undefined) return resource;
  throw new ProblemError(problemOf("not-found", `there is no node "${node}"`));
}
