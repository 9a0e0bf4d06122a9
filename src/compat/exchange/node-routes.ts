/** `/v1/orgs/<organisation>/nodes`: nodes, as far as the exchange's command line needs them. */
import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import { compareIds, type NodeId } from "../../core/ids.ts";
import { checkNeeds } from "../../server/access/guard-routes.ts";
import { change } from "../../server/changes/change.ts";
import { planRemoveNode } from "../../server/changes/node-changes.ts";
import type { App } from "../../server/http/app.ts";
import { type FacadeParts, facadeRoute } from "../../server/http/facade.ts";
import { ProblemError, refuse, unwrap } from "../../server/http/problem-error.ts";
import { freshTables } from "../../server/view/fresh.ts";
import { problemOf } from "../../wire/errors.ts";
import { nodeIdSchema } from "../../wire/ids.ts";
import { sendDone } from "./answers.ts";
import { type Caller, type Callers, mayModify } from "./caller.ts";
import { nodeFacts } from "./node-facts.ts";
import { planNode } from "./node-plans.ts";
import { checkOrganisation, organisationOf } from "./organisation.ts";

const orgParams = z.object({ org: z.string() });
const nodeParams = z.object({ org: z.string(), node: z.string() });
const words = z.string().max(4_000);
/** Longest secret of a node, in characters. */
const tokenLengthMax = 1_000;
const fields = {
  token: z.string().max(tokenLengthMax).optional(),
  name: words.optional(),
  nodeType: z.enum(["device", "cluster"]).optional(),
  pattern: words.optional(),
  publicKey: z.string().max(20_000).optional(),
  arch: words.optional(),
  msgEndPoint: words.optional(),
  softwareVersions: z.record(z.string().max(100), words).nullish(),
};
/** What Holdfast has no use for, such as agreements' services, is left alone. */
const putSchema = z.looseObject(fields);
const patchSchema = z.strictObject(fields);

interface Parts extends FacadeParts {
  readonly callers: Callers;
}

const list = "/v1/orgs/:org/nodes";
const one = `${list}/:node`;

/** Adds the routes. */
export function nodeRoutes(app: App, parts: Parts): void {
  const config = facadeRoute;
  app.get(list, { config, schema: { params: orgParams } }, (request, reply) =>
    sendNodes(parts, { request, reply, org: request.params.org, wanted: undefined }),
  );
  app.get(one, { config, schema: { params: nodeParams } }, (request, reply) => {
    const { org, node } = request.params;
    return sendNodes(parts, { request, reply, org, wanted: node });
  });
  app.put(one, { config, schema: { params: nodeParams, body: putSchema } }, (request, reply) =>
    writeNode(parts, { request, reply, ...request.params, body: request.body, absent: "register" }),
  );
  app.patch(one, { config, schema: { params: nodeParams, body: patchSchema } }, (request, reply) =>
    writeNode(parts, { request, reply, ...request.params, body: request.body, absent: "refuse" }),
  );
  app.delete(one, { config, schema: { params: nodeParams } }, async (request, reply) => {
    await removeNode(parts, request, request.params);
    return reply.code(204).send();
  });
}

interface Asked {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly org: string;
  /** Undefined: all that the caller may see. */
  readonly wanted: string | undefined;
}

async function sendNodes(
  { context, callers }: Parts,
  { request, reply, org, wanted }: Asked,
): Promise<FastifyReply> {
  const caller = callers.of(request);
  const tables = unwrap(await freshTables(context));
  const organisation = organisationOf(context);
  const isWanted = (node: NodeId): boolean => {
    if (wanted === undefined) return mayRead(caller, node);
    if (node !== wanted) return false;
    if (mayRead(caller, node)) return true;
    throw new ProblemError(problemOf("not-allowed", `node "${node}" is not yours`));
  };
  const known = org === organisation ? [...tables.nodes.keys()] : [];
  const options = { organisation, nowMs: context.clock.wallMs() };
  const nodes = known
    .filter(isWanted)
    .sort(compareIds)
    .map((node) => [`${organisation}/${node}`, nodeFacts(tables, node, options)] as const);
  return reply
    .code(nodes.length === 0 ? 404 : 200)
    .send({ nodes: Object.fromEntries(nodes), lastIndex: 0 });
}

/** A node sees itself, a user the nodes that they may modify, an admin all. */
function mayRead(caller: Caller, node: NodeId): boolean {
  return caller.kind === "node" ? caller.node === node : mayModify(caller, node);
}

interface Written {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly org: string;
  readonly node: string;
  readonly body: z.output<typeof putSchema>;
  readonly absent: "register" | "refuse";
}

async function writeNode(
  { context, callers, desk }: Parts,
  { request, reply, org, node: name, body, absent }: Written,
): Promise<FastifyReply> {
  const caller = callers.of(request);
  unwrap(checkOrganisation(org, context));
  const node = readNode(name, absent);
  const { token: secret = "", softwareVersions, ...said } = body;
  const planned = { caller, words: { ...said, softwareVersions: softwareVersions ?? undefined } };
  const nowMs = context.clock.wallMs();
  // Whoever may not write it makes nobody hash anything.
  const tables = unwrap(await freshTables(context));
  unwrap(planNode(tables, node, { ...planned, token: undefined, nowMs, absent }));
  const token = secret === "" ? undefined : unwrap(await desk.hash(secret));
  const actor = { identity: caller.identity, from: request.ip };
  unwrap(
    await change(context, actor, (facts) => {
      return planNode(facts, node, { ...planned, token, nowMs, absent });
    }),
  );
  return sendDone(reply, `node ${node} added or updated`);
}

function readNode(name: string, absent: "register" | "refuse"): NodeId {
  const parsed = nodeIdSchema.safeParse(name);
  if (parsed.success) return parsed.data;
  const why = parsed.error.issues.map(({ message }) => message).join("; ");
  const code = absent === "register" ? "bad-input" : "not-found";
  throw new ProblemError(problemOf(code, why));
}

async function removeNode(
  { context, callers }: Parts,
  request: FastifyRequest,
  { org, node: name }: { readonly org: string; readonly node: string },
): Promise<void> {
  const caller = callers.userOf(request);
  unwrap(checkOrganisation(org, context));
  const node = readNode(name, "refuse");
  const { identity } = caller;
  const actor = { identity, from: request.ip };
  const needs = [{ permission: "node.remove", objects: [{ kind: "node", id: node }] }] as const;
  unwrap(
    await change(context, actor, (tables) => {
      if (!tables.nodes.has(node)) return refuse("not-found", `there is no node "${node}"`);
      const permitted = checkNeeds(identity, needs);
      return permitted.ok ? planRemoveNode(tables, node, context.clock.wallMs()) : permitted;
    }),
  );
}
